// SandboxDatabase: a database of a replay's own, migrated, with the plans, and dropped
// at the end unless it is to be kept.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "shared/core/result.h"

namespace tenantry::replay {

class SandboxDatabase {
 public:
  // `maker_url`: of a role that may create databases, and needs no more. `url_of`: the running platform's
  // database as each role ("owner", "gateway", ...): the sandbox's is the same server under another name.
  static Result<SandboxDatabase> make(const std::string& maker_url, const std::string& name,
                                      std::function<std::string(std::string_view role)> url_of);
  ~SandboxDatabase();
  SandboxDatabase(SandboxDatabase&& other) noexcept;
  SandboxDatabase& operator=(SandboxDatabase&&) = delete;

  const std::string& name() const { return name_; }
  std::string url(std::string_view role) const;
  void keep() { kept_ = true; }

 private:
  SandboxDatabase() = default;

  std::string maker_url_;
  std::string name_;
  std::function<std::string(std::string_view role)> url_of_;
  bool kept_ = false;
};

// The same URL with another database.
std::string with_database(const std::string& url, const std::string& name);

}  // namespace tenantry::replay
