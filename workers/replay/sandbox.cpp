#include "workers/replay/sandbox.h"

#include <cstdio>
#include <utility>

#include "shared/db/migrate.h"
#include "shared/db/session.h"
#include "shared/tenancy/plans.h"

namespace tenantry::replay {

std::string with_database(const std::string& url, const std::string& name) {
  const auto authority = url.find("://") == url.npos ? 0 : url.find("://") + 3;
  const auto slash = url.find('/', authority);
  const auto query = url.find('?', authority);
  return url.substr(0, std::min(slash, query)) + "/" + name + (query == url.npos ? "" : url.substr(query));
}

Result<SandboxDatabase> SandboxDatabase::make(const std::string& maker_url, const std::string& name,
                                              std::function<std::string(std::string_view role)> url_of) {
  SandboxDatabase sandbox;
  sandbox.maker_url_ = maker_url;
  sandbox.url_of_ = std::move(url_of);
  {
    db::Session maker(maker_url, "tenantry sandbox");
    maker.exec_alone("CREATE DATABASE " + name);
  }
  sandbox.name_ = name;  // from here on it is dropped, whatever happens
  {
    // The maker owns the database and nothing in it: to give it away it would have to be one of its new owner's.
    db::Session maker(with_database(maker_url, name), "tenantry sandbox");
    maker.exec_alone("GRANT CREATE, TEMPORARY ON DATABASE " + name + " TO tenantry_owner");
    maker.exec_alone("GRANT CREATE ON SCHEMA public TO tenantry_owner");
  }
  const auto migrations = db::embedded_migrations();
  if (!migrations) return migrations.error();
  db::Session owner(sandbox.url("owner"), "tenantry sandbox");
  if (const auto done = db::migrate(owner, *migrations, [](const db::Migration&) {}); !done) return done.error();
  if (const auto done = tenancy::load_plans(owner); !done) return done.error();
  return sandbox;
}

SandboxDatabase::SandboxDatabase(SandboxDatabase&& other) noexcept
    : maker_url_(std::move(other.maker_url_)),
      name_(std::exchange(other.name_, {})),
      url_of_(std::move(other.url_of_)),
      kept_(other.kept_) {}

SandboxDatabase::~SandboxDatabase() {
  if (name_.empty() || kept_) return;
  try {
    db::Session maker(maker_url_, "tenantry sandbox");
    maker.exec_alone("DROP DATABASE IF EXISTS " + name_);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "tenantry: database %s stays: %s\n", name_.c_str(), error.what());
  }
}

std::string SandboxDatabase::url(std::string_view role) const {
  return with_database(url_of_(role), name_);
}

}  // namespace tenantry::replay
