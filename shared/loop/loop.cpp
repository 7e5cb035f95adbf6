#include "shared/loop/loop.h"

#include <uv.h>

#include <atomic>
#include <csignal>
#include <future>
#include <mutex>
#include <vector>

#include "shared/core/assert.h"

namespace tenantry::loop {

struct Loop::State {
  uv_loop_t loop{};
  uv_async_t wake{};
  std::mutex mutex;
  std::vector<Task> tasks;  // guarded by mutex
  bool stopping = false;    // guarded by mutex
  std::atomic<std::thread::id> thread{};

  // Runs what was posted; whether the loop is to stop.
  bool drain() {
    std::vector<Task> ready;
    bool stop_now = false;
    {
      const std::lock_guard lock(mutex);
      ready.swap(tasks);
      stop_now = stopping;
    }
    for (auto& task : ready) task();
    return stop_now;
  }
};

Loop::Loop() : state_(std::make_unique<State>()) {
  std::signal(SIGPIPE, SIG_IGN);  // libuv writes to sockets without MSG_NOSIGNAL
  TENANTRY_ASSERT(uv_loop_init(&state_->loop) == 0);
  state_->wake.data = state_.get();
  TENANTRY_ASSERT(uv_async_init(&state_->loop, &state_->wake, [](uv_async_t* wake) {
                    if (static_cast<State*>(wake->data)->drain()) uv_stop(wake->loop);
                  }) == 0);
}

Loop::~Loop() {
  uv_close(reinterpret_cast<uv_handle_t*>(&state_->wake), nullptr);
  // Lets close callbacks run; every other handle is closed by its owner. More than once, because
  // after stop() the first call only forgets that it was stopped.
  while (uv_run(&state_->loop, UV_RUN_DEFAULT) != 0) {
  }
  const int closed = uv_loop_close(&state_->loop);
  TENANTRY_ASSERT(closed == 0);
}

void Loop::run() {
  state_->thread = std::this_thread::get_id();
  uv_run(&state_->loop, UV_RUN_DEFAULT);
  state_->drain();  // without uv_stop, which would keep the destructor from running the close callbacks
  state_->thread = std::thread::id{};
}

void Loop::stop() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->stopping = true;
  }
  uv_async_send(&state_->wake);
}

void Loop::post(Task task) {
  {
    const std::lock_guard lock(state_->mutex);
    state_->tasks.push_back(std::move(task));
  }
  uv_async_send(&state_->wake);
}

bool Loop::on_loop_thread() const {
  return state_->thread.load() == std::this_thread::get_id();
}

std::chrono::milliseconds Loop::now() const {
  return std::chrono::milliseconds{uv_now(&state_->loop)};
}

uv_loop_s* Loop::native() {
  return &state_->loop;
}

struct Timer::State {
  uv_timer_t timer{};
  std::function<void()> fire;
};

Timer::Timer(Loop& loop) : state_(new State) {
  state_->timer.data = state_;
  uv_timer_init(loop.native(), &state_->timer);
}

Timer::~Timer() {
  uv_timer_stop(&state_->timer);
  uv_close(reinterpret_cast<uv_handle_t*>(&state_->timer),
           [](uv_handle_t* handle) { delete static_cast<State*>(handle->data); });
}

namespace {
std::uint64_t count_of(std::chrono::milliseconds span) {
  return span.count() < 0 ? 0 : static_cast<std::uint64_t>(span.count());
}
}  // namespace

void Timer::start(std::chrono::milliseconds after, std::function<void()> fire) {
  state_->fire = std::move(fire);
  uv_update_time(state_->timer.loop);
  uv_timer_start(
      &state_->timer,
      [](uv_timer_t* timer) {
        // Moved out, so that the function may restart the timer with another one.
        const auto run = std::move(static_cast<State*>(timer->data)->fire);
        run();
      },
      count_of(after), 0);
}

void Timer::repeat(std::chrono::milliseconds every, std::function<void()> fire) {
  state_->fire = std::move(fire);
  uv_timer_start(
      &state_->timer,
      [](uv_timer_t* timer) {
        const auto run = static_cast<State*>(timer->data)->fire;
        run();
      },
      count_of(every), count_of(every));
}

void Timer::stop() {
  uv_timer_stop(&state_->timer);
}

bool Timer::active() const {
  return uv_is_active(reinterpret_cast<const uv_handle_t*>(&state_->timer)) != 0;
}

struct Deferred::State {
  uv_prepare_t prepare{};
  std::function<void()> run;
};

Deferred::Deferred(Loop& loop, std::function<void()> run) : state_(new State) {
  state_->run = std::move(run);
  state_->prepare.data = state_;
  uv_prepare_init(loop.native(), &state_->prepare);
}

Deferred::~Deferred() {
  uv_prepare_stop(&state_->prepare);
  uv_close(reinterpret_cast<uv_handle_t*>(&state_->prepare),
           [](uv_handle_t* handle) { delete static_cast<State*>(handle->data); });
}

void Deferred::request() {
  uv_prepare_start(&state_->prepare, [](uv_prepare_t* prepare) {
    uv_prepare_stop(prepare);
    static_cast<State*>(prepare->data)->run();
  });
}

LoopThread::LoopThread() : thread_([this] { loop_.run(); }) {}

LoopThread::~LoopThread() {
  stop();
}

void LoopThread::stop() {
  if (!thread_.joinable()) return;
  loop_.stop();
  thread_.join();
}

void LoopThread::run_sync(Loop::Task task) {
  TENANTRY_ASSERT(!loop_.on_loop_thread());
  std::promise<void> done;
  loop_.post([&] {
    task();
    done.set_value();
  });
  done.get_future().wait();
}

}  // namespace tenantry::loop
