// Search: the one language in which the audit log is asked, over HTTP, on the command
// line and in the console; docs/audit-search.md is its grammar for people.
//
//   type:payment.* -outcome:success actor:pierre@example.com from:2026-01-01 "carte bleue"
//
// Pure, and hostile input throughout: a text is bounded in bytes, terms and the length
// of each, and becomes a list of terms without nesting. An error says at which character
// which rule is broken.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shared/core/ids.h"
#include "shared/core/result.h"
#include "shared/core/time.h"

namespace tenantry::audit_search {

constexpr std::size_t search_size_max = 2'048;  // bytes of the whole text: it has to fit in a URL
constexpr std::size_t terms_max = 32;           // each is a condition on every record that is looked at
constexpr std::size_t value_size_max = 256;     // bytes of one value

enum class Field {
  text,  // a word or a phrase anywhere in the record
  action,
  actor_kind,   // user, service, stripe, anonymous, application
  actor_id,     // with actor_kind in `value` where the term said both
  actor_email,  // of one of the tenant's users, folded to lower case
  type,
  resource,
  outcome,
  crud,
  ip,
  id,
  correlation,
  causation,
  source,
  tenant,
};

// One condition. Terms of one key are alternatives of each other unless they are negated; a negated term excludes.
struct Term {
  Field field = Field::text;
  bool negated = false;
  bool prefix = false;   // the value ended with "*"
  std::string value{};   // resource: the kind; actor_id: the id; id: as Uuid prints it
  std::string second{};  // resource: its id, "" for all of a kind; actor_id: the actor's kind, "" for any
  bool operator==(const Term&) const = default;
};

// Half-open: at or after `from`, before `to`.
struct Span {
  std::optional<Timestamp> from{};
  std::optional<Timestamp> to{};
  bool operator==(const Span&) const = default;
};

struct Search {
  std::vector<Term> terms{};  // as they were written; those of one key are grouped by whoever compiles them
  Span recorded{};            // from:, to: when it was recorded, which nobody outside states
  Span occurred{};            // occurred_from:, occurred_to: when it happened, as its source has it
  bool operator==(const Search&) const = default;
};

enum class Scope {
  tenant,   // of one tenant, which is known: tenant: is refused
  platform  // a super-admin's, across tenants
};

// `now` is what "from:1h" counts back from. Errc::invalid, with the field /q and in its detail the character (from 1)
// and the rule.
Result<Search> parse_search(std::string_view text, Scope scope, Timestamp now);

// The same from a key and its value alone, e.g. of a query parameter; the error's field is /<key>.
Result<void> add_term(Search& search, std::string_view key, std::string_view value, Scope scope, Timestamp now);

// The tenant where the search names exactly one and excludes none: its records have an order of their own.
std::optional<std::string> only_tenant(const Search& search);

}  // namespace tenantry::audit_search
