// Condition: a Search as SQL over audit.records. What the person wrote travels as bound
// values; the text of the statement is ours alone.
//
// Pure.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "shared/audit_search/search.h"
#include "shared/db/params.h"

namespace tenantry::audit_search {

// The ids of the users behind the e-mail addresses of a search, folded; an address of nobody has none.
using People = std::map<std::string, std::vector<std::string>, std::less<>>;
std::vector<std::string> emails_of(const Search& search);

struct Condition {
  std::string sql{};  // "" for all records; else beginning with " AND "
  std::vector<db::Param> params{};
};

// Placeholders are numbered from `first`. Of the times only when it happened: when it was recorded is the reader's.
Condition compile(const Search& search, const People& people, std::size_t first);

// A regular expression of PostgreSQL's that matches this text, letters of either case.
std::string literal_pattern(std::string_view text);

}  // namespace tenantry::audit_search
