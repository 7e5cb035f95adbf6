// Loop: one libuv event loop and the thread rules around it.
//
// Everything named "on the loop" runs on the thread inside run(); only post(),
// stop() and on_loop_thread() may be called from elsewhere. Handlers must not
// block: database work belongs to lanes, password hashing to a pool.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <thread>

struct uv_loop_s;

namespace tenantry::loop {

class Loop {
 public:
  using Task = std::function<void()>;

  Loop();   // ignores SIGPIPE in the whole process: a lost peer is an error of the write
  ~Loop();  // run() must have returned
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  void run();   // until stop()
  void stop();  // thread-safe; tasks posted before it still run

  // Thread-safe. Tasks run on the loop, in order of posting.
  void post(Task task);
  bool on_loop_thread() const;

  // Monotonic, of the current iteration.
  std::chrono::milliseconds now() const;

  uv_loop_s* native();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// A one-shot or repeating timer on the loop. Create, start, stop and destroy on
// the loop thread, or before run() or after it.
class Timer {
 public:
  explicit Timer(Loop& loop);
  ~Timer();
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  // Restarts when already running. The function may restart or stop its own
  // timer; it must not destroy it.
  void start(std::chrono::milliseconds after, std::function<void()> fire);
  void repeat(std::chrono::milliseconds every, std::function<void()> fire);
  void stop();
  bool active() const;

 private:
  struct State;
  State* state_;  // freed by libuv's close callback
};

// Work gathered over one turn of the loop and done once, just before the loop waits:
// what many handlers ask for costs one flush. Create, request and destroy on the loop
// thread, or before run() or after it.
class Deferred {
 public:
  Deferred(Loop& loop, std::function<void()> run);
  ~Deferred();
  Deferred(const Deferred&) = delete;
  Deferred& operator=(const Deferred&) = delete;

  void request();  // any number of times; the function may request again, for the next turn

 private:
  struct State;
  State* state_;  // freed by libuv's close callback
};

// A loop on a thread of its own. Destroying it stops and joins.
class LoopThread {
 public:
  LoopThread();
  ~LoopThread();
  Loop& loop() { return loop_; }
  void stop();  // idempotent; joins

  // Runs `task` on the loop and waits for it. Not from the loop thread.
  void run_sync(Loop::Task task);

 private:
  Loop loop_;
  std::thread thread_;
};

}  // namespace tenantry::loop
