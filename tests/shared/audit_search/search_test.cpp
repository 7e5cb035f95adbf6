// Goal: the search language reads as docs/audit-search.md says, and hostile text is
// refused with its place and rule or read as a bounded list of terms, nothing else.
// Method: rows; the page's own examples; texts made at random of the language's parts,
// printed and read back.
#include "shared/audit_search/search.h"

#include <gtest/gtest.h>

#include <fstream>
#include <random>

#include "shared/core/bytes.h"
#include "tests/support/source_path.h"

namespace tenantry::audit_search::search_test {
namespace {

const Timestamp now = *from_rfc3339("2026-03-04T12:00:00Z");

Timestamp at(const char* text) {
  return *from_rfc3339(text);
}

struct Row {
  const char* name;
  std::string text;
  Search search;
};
class Reads : public ::testing::TestWithParam<Row> {};

TEST_P(Reads, AsTheseTerms) {
  const auto read = parse_search(GetParam().text, Scope::platform, now);
  ASSERT_TRUE(read) << read.error().describe();
  EXPECT_EQ(*read, GetParam().search);
}

INSTANTIATE_TEST_SUITE_P(
    , Reads,
    ::testing::Values(
        Row{"Nothing", "  ", {}}, Row{"Word", "Martin", {{{.value = "Martin"}}}},
        Row{"Phrase", R"("carte \"bleue\" \\")", {{{.value = "carte \"bleue\" \\"}}}},
        Row{"NegatedPhrase", R"(-"a b")", {{{.negated = true, .value = "a b"}}}},
        Row{"Type", "type:payment.failed", {{{.field = Field::type, .value = "payment.failed"}}}},
        Row{"TypePrefix",
            "-type:payment.*",
            {{{.field = Field::type, .negated = true, .prefix = true, .value = "payment."}}}},
        Row{"ActionFolds", "action:LOGIN", {{{.field = Field::action, .value = "login"}}}},
        Row{"ActorKind", "actor:Stripe", {{{.field = Field::actor_kind, .value = "stripe"}}}},
        Row{"ActorId", "actor:super-admin", {{{.field = Field::actor_id, .value = "super-admin"}}}},
        Row{"ActorOfKind",
            "actor:service:billing",
            {{{.field = Field::actor_id, .value = "billing", .second = "service"}}}},
        Row{"ActorEmailFolds",
            "actor:Pierre@Example.com",
            {{{.field = Field::actor_email, .value = "pierre@example.com"}}}},
        Row{"ResourceKind", "resource:client", {{{.field = Field::resource, .value = "client"}}}},
        Row{"ResourceOfAnyId", "resource:client/*", {{{.field = Field::resource, .value = "client"}}}},
        Row{"ResourceId", "resource:client/a/b", {{{.field = Field::resource, .value = "client", .second = "a/b"}}}},
        Row{"ResourceIdPrefix",
            "resource:client/a*",
            {{{.field = Field::resource, .prefix = true, .value = "client", .second = "a"}}}},
        Row{"IdOfEitherCase",
            "id:0193A2B4-5C6D-7E8F-9A0B-1C2D3E4F5A6B",
            {{{.field = Field::id, .value = "0193a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b"}}}},
        Row{"QuotedValue", R"(source:"/a b")", {{{.field = Field::source, .value = "/a b"}}}},
        Row{"Tenant", "tenant:acme", {{{.field = Field::tenant, .value = "acme"}}}},
        Row{"Day", "from:2026-01-31", {.recorded = {.from = at("2026-01-31T00:00:00Z")}}},
        Row{"MonthAndYear",
            "from:2025 to:2026-02",
            {.recorded = {.from = at("2025-01-01T00:00:00Z"), .to = at("2026-02-01T00:00:00Z")}}},
        Row{"Ago", "from:90m", {.recorded = {.from = at("2026-03-04T10:30:00Z")}}},
        Row{"LongAgo", "from:1000000w", {.recorded = {.from = Timestamp{}}}},
        Row{"Occurred",
            "occurred_from:1d occurred_to:2026-03-04T12:00:00+01:00",
            {.occurred = {.from = at("2026-03-03T12:00:00Z"), .to = at("2026-03-04T11:00:00Z")}}}),
    [](const auto& row) { return std::string(row.param.name); });

struct Refusal {
  const char* name;
  std::string text;
  std::string rule;
  std::size_t character;
};
class Refuses : public ::testing::TestWithParam<Refusal> {};

TEST_P(Refuses, WithPlaceAndRule) {
  const auto read = parse_search(GetParam().text, Scope::tenant, now);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, Errc::invalid);
  ASSERT_EQ(read.error().fields.size(), 1U);
  const auto& field = read.error().fields[0];
  EXPECT_EQ(field.pointer, "/q");
  EXPECT_EQ(field.code, GetParam().rule);
  EXPECT_TRUE(field.detail.starts_with("at character " + std::to_string(GetParam().character))) << field.detail;
}

std::string words(std::size_t many) {
  std::string text;
  for (std::size_t i = 0; i < many; ++i) text += "w ";
  return text;
}

INSTANTIATE_TEST_SUITE_P(
    , Refuses,
    ::testing::Values(
        Refusal{"TooLong", std::string(search_size_max + 1, 'a'), "length", 1},
        Refusal{"ValueTooLong", "a type:" + std::string(value_size_max + 1, 'a'), "length", 3},
        Refusal{"WordTooLong", std::string(value_size_max + 1, 'a'), "length", 1},
        Refusal{"TooManyTerms", words(terms_max + 1), "terms", 2 * terms_max + 1},
        Refusal{"UnknownKey", "é color:red", "key", 3}, Refusal{"NoKey", ":x", "key", 1},
        Refusal{"EmptyValue", "type:", "empty", 1}, Refusal{"EmptyPhrase", "\"\"", "empty", 1},
        Refusal{"LoneMinus", "a - b", "empty", 3}, Refusal{"TwoMinuses", "--type:a", "key", 1},
        Refusal{"OpenQuote", "a \"b", "quote", 3}, Refusal{"QuoteInside", "a\"b\"", "quote", 1},
        Refusal{"QuoteInsideValue", "type:a\"b\"", "quote", 1}, Refusal{"TextBehindQuote", "\"a\"b", "quote", 1},
        Refusal{"Escape", R"("\n")", "escape", 1}, Refusal{"Nul", std::string("a\0b", 3), "characters", 1},
        Refusal{"LineFeed", "a\nb", "characters", 1}, Refusal{"NoUtf8", "\xff", "utf8", 1},
        Refusal{"StarInside", "type:a*b", "prefix", 1}, Refusal{"StarAlone", "ip:*", "prefix", 1},
        Refusal{"Choice", "crud:write", "choice", 1}, Refusal{"Uuid", "id:123", "uuid", 1},
        Refusal{"Resource", "resource:/1", "resource", 1},
        Refusal{"ResourceWithoutId", "resource:client/", "resource", 1},
        Refusal{"ActorWithoutId", "actor:user:", "actor", 1}, Refusal{"Time", "from:1y", "time", 1},
        Refusal{"NoSuchDay", "from:2026-02-30", "time", 1}, Refusal{"TimeTwice", "from:1h from:2h", "twice", 9},
        Refusal{"TimeNegated", "-to:1h", "negated", 1}, Refusal{"TimesTurned", "from:1h to:2h", "order", 1},
        Refusal{"TenantOfAMember", "tenant:acme", "tenant", 1}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(Search, NamesAParameterByItsKey) {
  Search search;
  ASSERT_TRUE(add_term(search, "type", "payment.*", Scope::tenant, now));
  EXPECT_EQ(search.terms, (std::vector<Term>{{.field = Field::type, .prefix = true, .value = "payment."}}));
  EXPECT_EQ(add_term(search, "from", "soon", Scope::tenant, now).error().fields[0].pointer, "/from");
}

TEST(Search, HasOneTenantOrNone) {
  const auto only = [](const char* text) { return only_tenant(*parse_search(text, Scope::platform, now)); };
  EXPECT_EQ(only("tenant:acme x"), "acme");
  EXPECT_EQ(only("tenant:acme tenant:acme"), "acme");
  for (const char* text : {"x", "tenant:a tenant:b", "-tenant:a", "tenant:a*", "tenant:a -tenant:b"}) {
    EXPECT_EQ(only(text), std::nullopt) << text;
  }
}

// ---- the page

std::vector<std::string> examples(const std::string& kind) {
  std::ifstream page(source_path("docs/audit-search.md"));
  std::vector<std::string> lines;
  bool inside = false;
  for (std::string line; std::getline(page, line);) {
    if (line.starts_with("```")) {
      inside = !inside && line == "```" + kind;
    } else if (inside) {
      lines.push_back(line);
    }
  }
  EXPECT_FALSE(lines.empty()) << kind;
  return lines;
}

TEST(SearchPage, ExamplesAreSearches) {
  for (const auto& text : examples("search")) {
    const auto read = parse_search(text, Scope::tenant, now);
    EXPECT_TRUE(read) << text << ": " << read.error().describe();
  }
  for (const auto& text : examples("search-platform")) {
    const auto read = parse_search(text, Scope::platform, now);
    EXPECT_TRUE(read) << text << ": " << read.error().describe();
  }
}

TEST(SearchPage, RefusalsReadAsShown) {
  for (const auto& line : examples("search-errors")) {
    const auto bar = line.find(" | ");
    ASSERT_NE(bar, line.npos) << line;
    const auto read = parse_search(line.substr(0, bar), Scope::tenant, now);
    ASSERT_FALSE(read) << line;
    EXPECT_NE(read.error().fields[0].detail.find(line.substr(bar + 3)), std::string::npos)
        << read.error().fields[0].detail;
  }
}

// ---- at random

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) out += (c == '"' || c == '\\') ? std::string("\\") + c : std::string(1, c);
  return out + "\"";
}

std::string pick(std::mt19937_64& random, const std::string& letters, std::size_t size_max) {
  std::string out;
  for (auto size = 1 + random() % size_max; size > 0; --size) out += letters[random() % letters.size()];
  return out;
}

TEST(SearchAtRandom, WhatIsQuotedIsReadBackToTheByte) {
  for (std::uint64_t seed = 0; seed < 2'000; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937_64 random(seed);
    Search wanted;
    std::string text;
    for (auto many = random() % 8; many > 0; --many) {
      const bool negated = random() % 2 == 0;
      const auto value = pick(random, "ab \"\\:-/é=.", 12);
      if (!is_utf8(value)) continue;
      const bool word = random() % 2 == 0;
      text += std::string(negated ? " -" : " ") + (word ? "" : "correlation:") + quoted(value);
      wanted.terms.push_back({.field = word ? Field::text : Field::correlation, .negated = negated, .value = value});
    }
    const auto read = parse_search(text, Scope::tenant, now);
    ASSERT_TRUE(read) << text << ": " << read.error().describe();
    EXPECT_EQ(*read, wanted) << text;
  }
}

TEST(SearchAtRandom, AnyTextIsReadOrRefused) {
  const std::vector<std::string> parts = {
      "type:", "actor:", "from:", "tenant:", "id:",    "resource:", "\"", "\\",
      "-",     " ",      "*",     "/",       ":",      "@",         "1h", "é",
      "x",     "\t",     "user",  "\xc3",    "2026-1", "crud:",     "w",  "99999999999999999999d"};
  std::size_t taken = 0;
  for (std::uint64_t seed = 0; seed < 20'000; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937_64 random(seed);
    std::string text;
    for (auto many = random() % 12; many > 0; --many) text += parts[random() % parts.size()];
    const auto read = parse_search(text, random() % 2 == 0 ? Scope::tenant : Scope::platform, now);
    if (!read) {
      ASSERT_EQ(read.error().fields.size(), 1U) << text;
      EXPECT_FALSE(read.error().fields[0].code.empty());
      EXPECT_TRUE(is_utf8(read.error().fields[0].detail)) << text;
      continue;
    }
    ++taken;
    EXPECT_LE(read->terms.size(), terms_max);
    for (const auto& term : read->terms) EXPECT_FALSE(term.value.empty()) << text;
  }
  EXPECT_GT(taken, 2'000U);
}

}  // namespace
}  // namespace tenantry::audit_search::search_test
