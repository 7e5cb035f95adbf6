// Budget: something scarce, counted: how much of it is taken in all and by each holder,
// and who may take more.
//
// A holder has at most `of_one`. Whoever holds some already leaves `kept_for_newcomers`
// alone, so that the greedy do not lock out those who have nothing; the platform's own
// (holder "") may take all of it, what everybody else leaves included.
//
// Pure: no time, no lock. Nothing is kept of a holder who holds nothing.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <string_view>

namespace tenantry {

struct BudgetLimits {
  std::size_t total = 0;
  std::size_t of_one = 0;
  std::size_t kept_for_newcomers = 0;     // of the total; who holds nothing yet may take it
  std::size_t kept_for_the_platform = 0;  // of the total; for holder "" alone
};

class Budget {
 public:
  enum class Answer {
    taken,
    holder_full,  // this holder has its share
    all_full,     // others have the rest
  };

  explicit Budget(BudgetLimits limits) : limits_(limits) {}

  // All of `amount` or nothing of it.
  Answer take(std::string_view holder, std::size_t amount = 1);
  void give_back(std::string_view holder, std::size_t amount = 1);  // no more than it holds

  std::size_t taken() const { return taken_; }
  std::size_t held_by(std::string_view holder) const;
  const BudgetLimits& limits() const { return limits_; }

 private:
  BudgetLimits limits_;
  std::size_t taken_ = 0;
  std::map<std::string, std::size_t, std::less<>> holders_;
};

}  // namespace tenantry
