// Forwarder: posts events that pass to an address of whoever develops against them, one after another in their order.
//
// As CloudEvents in structured JSON and with nothing else: no signature, no login. A try that got no answer or a 5xx is
// repeated twice, briefly; it prints what became of each.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <string>
#include <thread>

#include "events/envelope.h"

namespace tenantry::cli {

class Forwarder {
 public:
  Forwarder(std::string url, bool json);
  ~Forwarder();  // what has not been sent is not sent any more
  Forwarder(const Forwarder&) = delete;
  Forwarder& operator=(const Forwarder&) = delete;

  void push(const events::Event& event);  // any thread; never waits

 private:
  struct Waiting {
    std::string id, type, body;
  };
  void run();
  void send(const Waiting& event);
  bool pause(int milliseconds);  // false: it is to end
  void print(const Waiting& event, int status, int tries, const std::string& error) const;

  const std::string url_;
  const bool json_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Waiting> waiting_;  // guarded by mutex_
  bool stopping_ = false;        // guarded by mutex_
  std::thread thread_;
};

}  // namespace tenantry::cli
