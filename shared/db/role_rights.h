// Rights in the database: what docs/rights.md lists for a role, and what the catalogue has given it beyond that.
//
// The page is compiled in and a test holds it to a migrated database, so it is the list for this build.
#pragma once

#include <compare>
#include <string>
#include <string_view>
#include <vector>

#include "shared/db/session.h"

namespace tenantry::db {

struct Right {
  std::string object;  // "platform.tenants", a function with its arguments' number: "audit.append/30"
  std::string may;     // "SELECT"
  std::string column;  // "": all of the object

  auto operator<=>(const Right&) const = default;
};

// Of `role` ("gateway") and of everybody. Empty: the page does not name the role.
std::vector<Right> listed_rights(std::string_view page, std::string_view role);

// What whoever is logged in has, by grants to it and to everybody, in schemas that are ours.
std::vector<Right> granted_rights(Session::Transaction& tx);

// A right to an object covers its columns.
std::vector<Right> surplus(const std::vector<Right>& granted, const std::vector<Right>& listed);

// Beyond this build's list, where the database is of this build; empty where it is older or newer, as while releases
// roll, and for roles that the list does not name.
std::vector<Right> unlisted_rights(Session::Transaction& tx, std::string_view role);

std::string describe(const Right& right);  // "UPDATE (plan) on platform.tenants"

}  // namespace tenantry::db
