#include "workers/cli/forward.h"

#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>

#include "events/codec.h"
#include "shared/http/client.h"
#include "workers/cli/context.h"

namespace tenantry::cli {
namespace {

constexpr std::size_t waiting_max = 1'000;
constexpr int pauses[] = {200, 1'000};  // milliseconds, between tries
constexpr Milliseconds answer_patience{10'000};

}  // namespace

Forwarder::Forwarder(std::string url, bool json) : url_(std::move(url)), json_(json) {
  thread_ = std::thread([this] { run(); });
}

Forwarder::~Forwarder() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    wake_.notify_all();
  }
  thread_.join();
}

void Forwarder::push(const events::Event& event) {
  const Waiting next{event.id.to_string(), event.type, events::to_structured_json(event)};
  const std::lock_guard lock(mutex_);
  if (waiting_.size() >= waiting_max) return print(next, 0, 0, "too many wait already");
  waiting_.push_back(next);
  wake_.notify_all();
}

void Forwarder::run() {
  for (;;) {
    Waiting next;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [&] { return stopping_ || !waiting_.empty(); });
      if (stopping_) return;
      next = std::move(waiting_.front());
      waiting_.pop_front();
    }
    send(next);
  }
}

bool Forwarder::pause(int milliseconds) {
  std::unique_lock lock(mutex_);
  return !wake_.wait_for(lock, Milliseconds{milliseconds}, [&] { return stopping_; });
}

void Forwarder::send(const Waiting& event) {
  http::HttpClient client;
  http::ClientRequest request;
  request.method = "POST";
  request.url = url_;
  request.headers.add("Content-Type", "application/cloudevents+json");
  request.body = event.body;
  request.timeout = answer_patience;
  for (int tries = 1;; ++tries) {
    const auto answer = client.perform(request);
    const bool again = (!answer || answer->status >= 500) && tries <= static_cast<int>(std::size(pauses));
    if (!again) {
      return print(event, answer ? answer->status : 0, tries, answer ? std::string{} : answer.error().message);
    }
    if (!pause(pauses[tries - 1])) return;
  }
}

void Forwarder::print(const Waiting& event, int status, int tries, const std::string& error) const {
  if (json_) {
    // Beside the recording, which is on the standard output.
    const nlohmann::ordered_json line = {
        {"forwarded", event.id}, {"type", event.type}, {"status", status}, {"tries", tries}, {"error", error}};
    std::fprintf(stderr, "%s\n", line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
    return;
  }
  const auto outcome = status == 0 ? error : std::to_string(status);
  std::printf("%8s <-- [%s] POST %s %s%s\n", "", outcome.c_str(), url_.c_str(), event.type.c_str(),
              tries > 1 ? (", " + std::to_string(tries) + " tries").c_str() : "");
  std::fflush(stdout);
}

}  // namespace tenantry::cli
