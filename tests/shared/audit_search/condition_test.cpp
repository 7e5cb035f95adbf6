// Goal: a search becomes a statement whose text is ours and whose values are bound.
// Method: rows of searches with their SQL; then hostile values, none of which may show
// in the statement.
#include "shared/audit_search/condition.h"

#include <gtest/gtest.h>

namespace tenantry::audit_search::condition_test {
namespace {

const Timestamp now = *from_rfc3339("2026-03-04T12:00:00Z");

Condition compiled(std::string_view text, const People& people = {}) {
  const auto search = parse_search(text, Scope::platform, now);
  EXPECT_TRUE(search) << search.error().describe();
  return compile(*search, people, 1);
}

struct Row {
  const char* name;
  const char* text;
  std::string sql;
  std::size_t params;
};
class Compiles : public ::testing::TestWithParam<Row> {};

TEST_P(Compiles, ToThisSql) {
  const auto condition = compiled(GetParam().text);
  EXPECT_EQ(condition.sql, GetParam().sql);
  EXPECT_EQ(condition.params.size(), GetParam().params);
}

INSTANTIATE_TEST_SUITE_P(
    , Compiles,
    ::testing::Values(
        Row{"Nothing", "", "", 0}, Row{"TimesOfRecordingAreTheReaders", "from:1h to:1m", "", 0},
        Row{"OneKeyIsAlternatives", "type:a type:b", " AND (type = ANY ($1))", 1},
        Row{"PrefixIsOneMore", "type:a type:b.*", " AND (type = ANY ($1) OR starts_with(type, $2))", 2},
        Row{"NegatedIsBesideIt", "type:a -type:b", " AND (type = ANY ($1)) AND (type = ANY ($2)) IS NOT TRUE", 2},
        Row{"KeysNarrow", "type:a crud:read", " AND (type = ANY ($1)) AND (crud = ANY ($2))", 2},
        Row{"ActorIsOneKey", "actor:stripe actor:7", " AND (actor_id = ANY ($1) OR actor_kind = ANY ($2))", 2},
        Row{"ActorOfKind", "actor:user:7", " AND ((actor_kind = $1 AND actor_id = $2))", 2},
        Row{"ActorsThatAreSuperAdmins", "actor:admin", " AND (actor_kind = ANY ($1))", 1},
        Row{"ResourceId", "resource:client/7", " AND ((resource = $1 AND resource_id = $2))", 2},
        Row{"ActionFolds", "action:LOGIN", " AND (lower(action) = ANY ($1))", 1},
        Row{"Id", "id:0193a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b", " AND (event_id = ANY ($1::uuid[]))", 1},
        Row{"Occurred", "occurred_from:1h", " AND occurred_at >= $1::timestamptz", 1}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(Condition, WordsNarrowEachOther) {
  const auto condition = compiled("one two");
  EXPECT_EQ(condition.params.size(), 2U);
  EXPECT_NE(condition.sql.find(") AND ("), std::string::npos);
}

TEST(Condition, AnAddressStandsForItsUser) {
  const auto ids = [](const Condition& condition) { return condition.params.at(0).value().value(); };
  const auto known = ids(compiled("actor:a@b.c", {{"a@b.c", {"user-1", "user-2"}}}));
  EXPECT_NE(known.find("user-1"), known.npos);
  EXPECT_NE(known.find("user-2"), known.npos);
  EXPECT_EQ(ids(compiled("actor:a@b.c")).find("user"), std::string::npos);
}

TEST(Condition, HoldsNothingOfWhatWasTyped) {
  for (const std::string value : {"x'); DROP TABLE audit.records; --", "$1", "%", "\\", "x\\\" OR 1=1", "zzz"}) {
    std::string quoted = "\"";
    for (const char c : value) quoted += (c == '"' || c == '\\') ? std::string("\\") + c : std::string(1, c);
    quoted += '"';
    for (const char* key : {"", "type:", "actor:", "resource:", "ip:", "correlation:", "source:", "tenant:"}) {
      // A text that JSON writes otherwise is looked for in two ways.
      const bool escaped = *key == '\0' && value.find_first_of("\"\\") != value.npos;
      const auto clean = compiled(std::string(key) + (escaped ? R"("\"")" : R"("q")"));
      EXPECT_EQ(compiled(key + quoted).sql, clean.sql) << key << value;
    }
  }
}

TEST(Condition, TextIsLookedForAsEachColumnWritesIt) {
  EXPECT_EQ(compiled("One").sql,
            " AND (strpos(lower(concat_ws(E'\\x1F', type, resource_id, actor_id, actor_agent, payload, changes) "
            "COLLATE \"C\"), $1) > 0)");
  EXPECT_EQ(compiled("One").params.at(0).value().value(), "one");
  EXPECT_EQ(compiled("\xC3\x89t\xC3\xA9").sql,
            " AND (normalize(concat_ws(E'\\x1F', type, resource_id, actor_id, actor_agent, payload, changes), NFC) ~* "
            "normalize($1, NFC))");
  const auto quoted = compiled(R"("a\"B")");
  ASSERT_EQ(quoted.params.size(), 2U);
  EXPECT_EQ(quoted.params[0].value().value(), "a\"b");
  EXPECT_EQ(quoted.params[1].value().value(), "a\\\"b");
}

TEST(Condition, PatternsAreLiteral) {
  EXPECT_EQ(literal_pattern("a.b*"), "a\\.b\\*");
  EXPECT_EQ(literal_pattern("***=x"), "\\*\\*\\*\\=x");
  EXPECT_EQ(literal_pattern("é \\d"), "é\\ \\\\d");
}

}  // namespace
}  // namespace tenantry::audit_search::condition_test
