// Availability: how many requests of each tenant were served, gathered by the hour, so that no request writes it.
//
// Pure; thread-safe. At most `cells_max` at a time: what is over them is counted as the platform's.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "shared/core/time.h"

namespace tenantry::gateway {

struct Served {
  std::string tenant_id;  // "platform": of no tenant
  Timestamp hour{};
  std::int64_t requests = 0;
  std::int64_t failed = 0;  // a 5xx
  std::int64_t slow = 0;    // more than slow_after
};

class Availability {
 public:
  static constexpr std::size_t cells_max = 20'000;
  static constexpr Milliseconds slow_after{250};

  void note(std::string_view tenant_id, Timestamp at, int status, Microseconds took);
  std::vector<Served> take();
  void give_back(const std::vector<Served>& served);  // what could not be written

 private:
  Served& cell_of(std::string_view tenant_id, Timestamp hour);  // with the mutex held, as add()
  void add(const Served& served);

  struct Before {
    using is_transparent = void;
    template <class A, class B>
    bool operator()(const A& a, const B& b) const {
      const int names = std::string_view(a.first).compare(b.first);
      return names != 0 ? names < 0 : a.second < b.second;
    }
  };
  std::mutex mutex_;
  std::map<std::pair<std::string, Timestamp>, Served, Before> cells_;  // guarded by mutex_
};

// Of what is promised, 99.95 % without a 5xx in 30 days, the part that is left: 1 all, 0 none, less where more failed.
constexpr double availability_target = 0.9995;
double budget_left(std::int64_t requests, std::int64_t failed);

// This process's.
Availability& availability();

}  // namespace tenantry::gateway
