// DomainChecker: asks the DNS about the domains that are due, on a thread of its own, so that no slow name server holds
// up anybody's request.
//
// Gateways share the work: whoever takes a domain puts its next check off in the same statement, so one that dies
// leaves it to the others.
#pragma once

#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

#include "shared/core/clock.h"
#include "shared/core/ids.h"
#include "shared/core/result.h"
#include "shared/dns/resolver.h"

namespace tenantry::db {
class Connection;
}

namespace tenantry::gateway {

// Looks at what is due now; how many. On the caller's thread.
Result<int> check_domains(db::Connection& connection, const dns::FindTxt& find_txt, const Clock& clock,
                          IdGenerator& ids);

class DomainChecker {
 public:
  DomainChecker(std::string database_url, dns::FindTxt find_txt, const Clock& clock, IdGenerator& ids);
  ~DomainChecker();  // waits for what is being asked
  DomainChecker(const DomainChecker&) = delete;
  DomainChecker& operator=(const DomainChecker&) = delete;

  void start();
  void look_now();  // any thread

 private:
  void run(const std::stop_token& stop);

  const std::string database_url_;
  const dns::FindTxt find_txt_;
  const Clock& clock_;
  IdGenerator& ids_;
  std::mutex mutex_;
  std::condition_variable_any wanted_;
  bool now_ = false;
  std::jthread thread_;
};

}  // namespace tenantry::gateway
