#include "shared/audit_search/condition.h"

#include <algorithm>

#include "shared/core/bytes.h"
#include "shared/json/json.h"

namespace tenantry::audit_search {
namespace {

using db::Param;

class Compiler {
 public:
  Compiler(const People& people, std::size_t first) : people_(people), next_(first) {}

  // Terms of one key, either all negated or none.
  void add_group(const std::vector<const Term*>& terms, bool negated) {
    std::vector<std::string> alternatives;
    add_equal(alternatives, terms);
    for (const auto* term : terms) add_other(alternatives, *term);
    std::string joined;
    for (const auto& alternative : alternatives) joined += (joined.empty() ? "" : " OR ") + alternative;
    // A column that is NULL (of an erased tenant) is not what the term names.
    condition_.sql += negated ? " AND (" + joined + ") IS NOT TRUE" : " AND (" + joined + ")";
  }

  void add_span(const char* column, const Span& span) {
    if (span.from) condition_.sql += std::string(" AND ") + column + " >= " + bind(*span.from) + "::timestamptz";
    if (span.to) condition_.sql += std::string(" AND ") + column + " < " + bind(*span.to) + "::timestamptz";
  }

  Condition take() { return std::move(condition_); }

 private:
  std::string bind(Param value) {
    condition_.params.push_back(std::move(value));
    return "$" + std::to_string(next_++);
  }

  // Whole values of one column become one array, so that an index on the column serves them together.
  void add_equal(std::vector<std::string>& alternatives, const std::vector<const Term*>& terms) {
    std::map<std::string, std::vector<std::string>> by_column;
    for (const auto* term : terms) {
      if (term->prefix || !term->second.empty()) continue;
      if (term->field == Field::actor_email) {
        auto& ids = by_column["actor_id"];
        ids.push_back(term->value);
        if (const auto known = people_.find(term->value); known != people_.end()) {
          ids.insert(ids.end(), known->second.begin(), known->second.end());
        }
      } else if (const char* column = column_of(term->field); column != nullptr) {
        by_column[column].push_back(term->value);
      }
    }
    for (const auto& [column, values] : by_column) {
      const std::string type = column == "event_id" ? "::uuid[]" : "";
      alternatives.push_back(column + " = ANY (" + bind(Param::array(values)) + type + ")");
    }
  }

  void add_other(std::vector<std::string>& alternatives, const Term& term) {
    if (term.field == Field::text) return alternatives.push_back(text(term.value));
    if (!term.prefix && term.second.empty()) return;  // add_equal has it
    if (term.field == Field::resource) {
      const auto kind = bind(term.value);
      return alternatives.push_back("(resource = " + kind + " AND " + match("resource_id", term.second, term.prefix) +
                                    ")");
    }
    const auto kind = term.second.empty() ? std::string{} : "actor_kind = " + bind(term.second) + " AND ";
    const auto matched = match(column_of(term.field), term.value, term.prefix);
    alternatives.push_back(kind.empty() ? matched : "(" + kind + matched + ")");
  }

  std::string match(const std::string& column, const std::string& value, bool prefix) {
    return prefix ? "starts_with(" + column + ", " + bind(value) + ")" : column + " = " + bind(value);
  }

  // In payload and changes a text stands as JSON writes it. Mostly that is as it is: then a record is one text to look
  // through, with a separator that no search can hold.
  std::string text(const std::string& words) {
    std::string quoted;
    append_json_string(quoted, words);
    const auto in_json = std::string_view(quoted).substr(1, quoted.size() - 2);
    constexpr const char* plain_columns = "type, resource_id, actor_id, actor_agent";
    constexpr const char* json_columns = "payload, changes";
    if (in_json == words) return found(std::string(plain_columns) + ", " + json_columns, words);
    const auto plain = found(plain_columns, words);
    return plain + " OR " + found(json_columns, in_json);
  }

  // Letters of either case. Folding ASCII and looking for bytes is a quarter cheaper than a regular expression, which
  // knows the other letters, too.
  std::string found(const std::string& columns, std::string_view words) {
    const auto record = "concat_ws(E'\\x1F', " + columns + ")";
    if (std::ranges::any_of(words, [](char c) { return static_cast<unsigned char>(c) >= 0x80; })) {
      // One letter may have been written in two ways.
      return "normalize(" + record + ", NFC) ~* normalize(" + bind(literal_pattern(words)) + ", NFC)";
    }
    return "strpos(lower(" + record + " COLLATE \"C\"), " + bind(ascii_lower(words)) + ") > 0";
  }

  static const char* column_of(Field field) {
    switch (field) {
      case Field::action:
        return "lower(action)";
      case Field::actor_kind:
        return "actor_kind";
      case Field::actor_id:
        return "actor_id";
      case Field::type:
        return "type";
      case Field::resource:
        return "resource";
      case Field::outcome:
        return "outcome";
      case Field::crud:
        return "crud";
      case Field::ip:
        return "actor_ip";
      case Field::id:
        return "event_id";
      case Field::correlation:
        return "correlation_id";
      case Field::causation:
        return "causation_id";
      case Field::source:
        return "source";
      case Field::tenant:
        return "tenant_id";
      case Field::actor_email:
      case Field::text:
        return nullptr;
    }
    return nullptr;
  }

  const People& people_;
  std::size_t next_;
  Condition condition_;
};

// actor: is one key, whatever its value turned out to be.
Field key_of(const Term& term) {
  const bool actor = term.field == Field::actor_kind || term.field == Field::actor_email;
  return actor ? Field::actor_id : term.field;
}

}  // namespace

std::vector<std::string> emails_of(const Search& search) {
  std::vector<std::string> emails;
  for (const auto& term : search.terms) {
    if (term.field == Field::actor_email) emails.push_back(term.value);
  }
  return emails;
}

Condition compile(const Search& search, const People& people, std::size_t first) {
  Compiler compiler(people, first);
  std::map<std::pair<Field, bool>, std::vector<const Term*>> groups;
  for (const auto& term : search.terms) {
    // Each word narrows: words are no alternatives of each other.
    if (term.field == Field::text) {
      compiler.add_group({&term}, term.negated);
    } else {
      groups[{key_of(term), term.negated}].push_back(&term);
    }
  }
  for (const auto& [key, terms] : groups) compiler.add_group(terms, key.second);
  compiler.add_span("occurred_at", search.occurred);
  return compiler.take();
}

std::string literal_pattern(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || byte >= 0x80;
    if (!plain) out += '\\';
    out += c;
  }
  return out;
}

}  // namespace tenantry::audit_search
