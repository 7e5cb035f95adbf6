#include "shared/audit_search/search.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "shared/core/bytes.h"

namespace tenantry::audit_search {
namespace {

// A broken rule, without its place.
struct Broken {
  std::string_view rule;  // machine-readable
  std::string detail;
};
using Check = std::optional<Broken>;

bool is_space(char c) {
  return c == ' ' || c == '\t';
}

bool is_control(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

// ---- values

// Takes a trailing "*" off; elsewhere it has no meaning, and a pattern that is none would find nothing in silence.
Check take_prefix(Term& term, std::string_view value) {
  if (value.ends_with('*')) {
    term.prefix = true;
    value.remove_suffix(1);
    if (value.empty()) return Broken{"prefix", "needs something before the *"};
  }
  if (value.find('*') != value.npos) return Broken{"prefix", "may have a * at its end only"};
  term.value = value;
  return {};
}

Check take_choice(Term& term, std::string_view value, std::initializer_list<std::string_view> known) {
  term.value = ascii_lower(value);
  if (std::ranges::find(known, term.value) != known.end()) return {};
  std::string names;
  for (const auto& name : known) names += (names.empty() ? "" : ", ") + std::string(name);
  return Broken{"choice", "must be one of " + names};
}

constexpr std::array<std::string_view, 7> actor_kinds = {"user",      "admin",       "service", "stripe",
                                                         "anonymous", "application", "api_key"};

bool is_actor_kind(std::string_view text) {
  return std::ranges::find(actor_kinds, text) != actor_kinds.end();
}

Check take_actor(Term& term, std::string_view value) {
  if (is_actor_kind(ascii_lower(value))) {
    term.field = Field::actor_kind;
    term.value = ascii_lower(value);
    return {};
  }
  if (value.find('@') != value.npos) {
    term.field = Field::actor_email;
    term.value = ascii_lower(value);
    return {};
  }
  term.field = Field::actor_id;
  // As lists print it: user:0193….
  if (const auto colon = value.find(':'); colon != value.npos && is_actor_kind(ascii_lower(value.substr(0, colon)))) {
    term.second = ascii_lower(value.substr(0, colon));
    value.remove_prefix(colon + 1);
    if (value.empty()) return Broken{"actor", "needs an id behind the actor's kind"};
  }
  return take_prefix(term, value);
}

Check take_resource(Term& term, std::string_view value) {
  const auto slash = value.find('/');
  const auto kind = value.substr(0, slash);
  if (kind.empty() || kind.find('*') != kind.npos) {
    return Broken{"resource", "must be a kind such as client, or a kind with an id such as client/123"};
  }
  if (slash == value.npos || value.substr(slash + 1) == "*") {
    term.value = kind;
    return {};
  }
  if (auto broken = take_prefix(term, value.substr(slash + 1))) return broken;
  term.second = std::move(term.value);
  term.value = kind;
  if (term.second.empty()) return Broken{"resource", "needs an id behind the slash"};
  return {};
}

Check take_uuid(Term& term, std::string_view value) {
  const auto id = Uuid::parse(ascii_lower(value));
  if (!id) return Broken{"uuid", "must be an event's id, such as 0193a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b"};
  term.value = id->to_string();
  return {};
}

// 90s, 15m, 1h, 7d, 4w before now; never before 1970, where our times begin.
std::optional<Timestamp> ago(std::string_view value, Timestamp now) {
  if (value.size() < 2) return std::nullopt;
  const auto before = [now](Microseconds span) { return std::max(now - span, Timestamp{}); };
  std::int64_t many = 0;
  const auto* const last = value.data() + value.size() - 1;
  const auto [end, error] = std::from_chars(value.data(), last, many);
  if (error != std::errc{} || end != last || many < 0 || many > 1'000'000) return std::nullopt;
  switch (*last) {
    case 's':
      return before(Seconds{many});
    case 'm':
      return before(std::chrono::minutes{many});
    case 'h':
      return before(std::chrono::hours{many});
    case 'd':
      return before(Days{many});
    case 'w':
      return before(Days{7 * many});
    default:
      return std::nullopt;
  }
}

// A year, a month or a day stands for its first instant.
std::optional<Timestamp> read_time(std::string_view value, Timestamp now) {
  if (const auto relative = ago(value, now)) return relative;
  std::string text{value};
  if (text.size() == 4) text += "-01";
  if (text.size() == 7) text += "-01";
  if (text.size() == 10) text += "T00:00:00Z";
  const auto at = from_rfc3339(text);
  if (!at) return std::nullopt;
  return *at;
}

Check take_time(std::optional<Timestamp>& bound, std::string_view value, bool negated, Timestamp now) {
  if (negated) return Broken{"negated", "cannot be negated"};
  if (bound) return Broken{"twice", "may be given once"};
  bound = read_time(value, now);
  if (bound) return {};
  return Broken{"time", "must be a time such as 2026-01-31, 2026-01-31T09:30:00Z, or 1h, 7d ago"};
}

// ---- keys

struct Key {
  std::string_view name;
  Field field;
};
constexpr Key keys[] = {
    {"action", Field::action},
    {"actor", Field::actor_id},
    {"type", Field::type},
    {"resource", Field::resource},
    {"outcome", Field::outcome},
    {"crud", Field::crud},
    {"ip", Field::ip},
    {"id", Field::id},
    {"correlation", Field::correlation},
    {"causation", Field::causation},
    {"source", Field::source},
    {"tenant", Field::tenant},
};
constexpr std::string_view time_keys[] = {"from", "to", "occurred_from", "occurred_to"};

std::optional<Timestamp>* time_bound(Search& search, std::string_view key) {
  if (key == "from") return &search.recorded.from;
  if (key == "to") return &search.recorded.to;
  if (key == "occurred_from") return &search.occurred.from;
  if (key == "occurred_to") return &search.occurred.to;
  return nullptr;
}

std::string key_names(Scope scope) {
  std::string names;
  for (const auto& key : keys) {
    if (key.field == Field::tenant && scope == Scope::tenant) continue;
    names += (names.empty() ? "" : ", ") + std::string(key.name);
  }
  for (const auto& name : time_keys) names += ", " + std::string(name);
  return names;
}

Check take_value(Term& term, Field field, std::string_view value) {
  term.field = field;
  switch (field) {
    case Field::actor_id:
    case Field::actor_kind:
    case Field::actor_email:
      return take_actor(term, value);
    case Field::resource:
      return take_resource(term, value);
    case Field::outcome:
      return take_choice(term, value, {"success", "failure"});
    case Field::crud:
      return take_choice(term, value, {"create", "read", "update", "delete"});
    case Field::id:
      return take_uuid(term, value);
    case Field::action: {
      const auto broken = take_prefix(term, value);
      term.value = ascii_lower(term.value);  // LOGIN is login
      return broken;
    }
    case Field::type:
    case Field::ip:
    case Field::correlation:
    case Field::causation:
    case Field::source:
    case Field::tenant:
      return take_prefix(term, value);
    case Field::text:
      term.value = value;
      return {};
  }
  return {};
}

Check check_text(std::string_view text) {
  if (!is_utf8(text)) return Broken{"utf8", "must be UTF-8"};
  if (std::ranges::any_of(text, is_control)) return Broken{"characters", "must not hold control characters"};
  return {};
}

Check check_room(const Search& search, std::string_view value) {
  if (value.size() > value_size_max) {
    return Broken{"length", "must have at most " + std::to_string(value_size_max) + " bytes"};
  }
  if (search.terms.size() >= terms_max) {
    return Broken{"terms", "would be more than " + std::to_string(terms_max) + " terms"};
  }
  return {};
}

Check add(Search& search, std::string_view key, std::string_view value, bool negated, Scope scope, Timestamp now) {
  if (value.empty()) return Broken{"empty", "needs a value behind " + std::string(key) + ":"};
  if (auto broken = check_room(search, value)) return broken;
  if (auto* const bound = time_bound(search, key)) return take_time(*bound, value, negated, now);
  const auto* const known = std::ranges::find(keys, key, &Key::name);
  if (known == std::end(keys)) {
    return Broken{"key", "is no key: there are " + key_names(scope) + "; quote a text that has a colon"};
  }
  if (known->field == Field::tenant && scope == Scope::tenant) {
    return Broken{"tenant", "is for super-admins: other searches are of one tenant already"};
  }
  Term term{.negated = negated};
  if (auto broken = take_value(term, known->field, value)) return broken;
  search.terms.push_back(std::move(term));
  return {};
}

// ---- the text

class Parser {
 public:
  Parser(std::string_view text, Scope scope, Timestamp now) : text_(text), scope_(scope), now_(now) {}

  Result<Search> parse() {
    while (skip_spaces()) {
      const auto at = place_;
      if (auto broken = term()) return error(at, *broken);
    }
    const auto& [from, to] = search_.recorded;
    if (from && to && *to < *from) return error(0, {"order", "to: must not be before from:"});
    return std::move(search_);
  }

  static Error error_at(std::size_t character, const Broken& broken, std::string_view what) {
    std::string detail = "at character " + std::to_string(character);
    if (!what.empty()) detail += ", \"" + std::string(what) + "\"";
    return Error::invalid("/q", std::string(broken.rule), detail + ": " + broken.detail);
  }

 private:
  bool done() const { return place_ >= text_.size(); }

  bool skip_spaces() {
    while (!done() && is_space(text_[place_])) ++place_;
    return !done();
  }

  Check term() {
    const bool negated = text_[place_] == '-';
    if (negated) ++place_;
    if (done() || is_space(text_[place_])) return Broken{"empty", "needs a term behind the -"};
    if (text_[place_] == '"') return phrase(negated);
    const auto start = place_;
    while (!done() && !is_space(text_[place_]) && text_[place_] != '"' && text_[place_] != ':') ++place_;
    if (done() || text_[place_] != ':') {
      if (!done() && text_[place_] == '"') return Broken{"quote", "has a quote inside: put a space before it"};
      return add_text(text_.substr(start, place_ - start), negated);
    }
    const auto key = text_.substr(start, place_ - start);
    ++place_;
    std::string quoted;
    if (!done() && text_[place_] == '"') {
      if (auto broken = read_quoted(quoted)) return broken;
      return add(search_, key, quoted, negated, scope_, now_);
    }
    const auto from = place_;
    while (!done() && !is_space(text_[place_]) && text_[place_] != '"') ++place_;
    if (!done() && text_[place_] == '"') return Broken{"quote", "has a quote inside: quote the whole value"};
    return add(search_, key, text_.substr(from, place_ - from), negated, scope_, now_);
  }

  Check phrase(bool negated) {
    std::string words;
    if (auto broken = read_quoted(words)) return broken;
    return add_text(words, negated);
  }

  // Stands on the opening quote; \" and \\ are the only escapes.
  Check read_quoted(std::string& out) {
    for (++place_; !done(); ++place_) {
      if (text_[place_] == '"') {
        ++place_;
        if (!done() && !is_space(text_[place_])) return Broken{"quote", "needs a space behind the closing quote"};
        return {};
      }
      if (text_[place_] == '\\') {
        ++place_;
        if (done() || (text_[place_] != '"' && text_[place_] != '\\')) {
          return Broken{"escape", "may have \\\" and \\\\ as its only escapes"};
        }
      }
      out += text_[place_];
    }
    return Broken{"quote", "has no closing quote"};
  }

  Check add_text(std::string_view words, bool negated) {
    if (words.empty()) return Broken{"empty", "must not be empty"};
    if (auto broken = check_room(search_, words)) return broken;
    search_.terms.push_back({.field = Field::text, .negated = negated, .value = std::string(words)});
    return {};
  }

  // Characters, not bytes, from 1; with the beginning of what stands there.
  Error error(std::size_t at, const Broken& broken) const {
    std::size_t character = 1;
    for (std::size_t i = 0; i < at; ++i) character += (static_cast<unsigned char>(text_[i]) & 0xC0) != 0x80;
    auto what = text_.substr(at, text_.find_first_of(" \t", at) - at);
    constexpr std::size_t shown_max = 40;
    if (what.size() > shown_max) {
      std::size_t cut = shown_max;
      while ((static_cast<unsigned char>(what[cut]) & 0xC0) == 0x80) --cut;
      what = what.substr(0, cut);
    }
    return error_at(character, broken, what);
  }

  std::string_view text_;
  Scope scope_;
  Timestamp now_;
  std::size_t place_ = 0;
  Search search_;
};

}  // namespace

Result<Search> parse_search(std::string_view text, Scope scope, Timestamp now) {
  if (text.size() > search_size_max) {
    return Parser::error_at(1, {"length", "must have at most " + std::to_string(search_size_max) + " bytes"}, "");
  }
  if (const auto broken = check_text(text)) return Parser::error_at(1, *broken, "");
  return Parser(text, scope, now).parse();
}

Result<void> add_term(Search& search, std::string_view key, std::string_view value, Scope scope, Timestamp now) {
  auto broken = check_text(value);
  if (!broken) broken = add(search, key, value, false, scope, now);
  if (!broken) return {};
  return Error::invalid("/" + std::string(key), std::string(broken->rule), broken->detail);
}

std::optional<std::string> only_tenant(const Search& search) {
  std::optional<std::string> found;
  for (const auto& term : search.terms) {
    if (term.field != Field::tenant) continue;
    if (term.negated || term.prefix || (found && *found != term.value)) return std::nullopt;
    found = term.value;
  }
  return found;
}

}  // namespace tenantry::audit_search
