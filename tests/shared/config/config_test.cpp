#include "shared/config/config.h"

#include <gtest/gtest.h>

namespace tenantry::config::config_test {
namespace {

TEST(Config, ListsEveryErrorAtOnce) {
  Reader reader({{"TENANTRY_HTTP_PORT", "70000"}, {"TENANTRY_TEST_CLOCK", "maybe"}, {"TENANTRY_HTTP_PROT", "1"}});
  reader.required_secret("TENANTRY_MASTER_KEY");
  reader.integer("TENANTRY_HTTP_PORT");
  reader.flag("TENANTRY_TEST_CLOCK");
  const auto done = reader.finish();
  ASSERT_FALSE(done);
  ASSERT_EQ(done.error().fields.size(), 4u);
  EXPECT_EQ(done.error().fields[0].pointer, "TENANTRY_HTTP_PROT");  // misspelt
  EXPECT_EQ(done.error().fields[1].pointer, "TENANTRY_MASTER_KEY");
  EXPECT_NE(done.error().message.find("from 0 to 65535"), std::string::npos);
}

TEST(Config, TakesDefaultsAndLists) {
  Reader reader(Environment{{"TENANTRY_DUNNING_REMIND_DAYS", "0,5"}});
  EXPECT_EQ(reader.integer("TENANTRY_GRACE_DAYS"), 30);
  EXPECT_EQ(reader.list("TENANTRY_DUNNING_REMIND_DAYS"), (std::vector<std::string>{"0", "5"}));
  EXPECT_EQ(reader.asked().size(), 2u);
  EXPECT_TRUE(reader.finish());
}

TEST(Config, EverySettingSaysWhatItMayBe) {
  for (const auto& variable : variables()) {
    SCOPED_TRACE(variable.name);
    EXPECT_FALSE(variable.help.empty());
    if (variable.kind == Kind::integer) {
      EXPECT_LT(variable.least, variable.most);
    }
    // A default is one that could be set: the reader that takes it finds nothing wrong.
    if (variable.fallback.empty()) continue;
    const std::string name{variable.name};
    Reader reader(Environment{{name, std::string(variable.fallback)}});
    switch (variable.kind) {
      case Kind::integer:
        EXPECT_EQ(std::to_string(reader.integer(name)), variable.fallback);
        break;
      case Kind::word:
        EXPECT_EQ(reader.word(name), variable.fallback);
        break;
      case Kind::flag:
        EXPECT_FALSE(reader.flag(name));
        break;
      case Kind::list:
        EXPECT_EQ(reader.list(name), Reader(Environment{}).list(name));
        break;
      case Kind::text:
        EXPECT_EQ(reader.text(name), variable.fallback);
        break;
      case Kind::secret:
        ADD_FAILURE() << "a secret has no default";
    }
    EXPECT_TRUE(reader.finish());
  }
}

TEST(Config, RefusesPasswordsThatAnybodyGuesses) {
  const auto found = [](Environment environment) {
    Reader reader(std::move(environment));
    reader.required_secret("TENANTRY_DATABASE_URL");
    reader.required_secret("TENANTRY_AMQP_URL");
    reader.secret("TENANTRY_AMQP_ADMIN_URL");
    const auto done = reader.finish();
    return done ? std::string() : done.error().message;
  };
  const Environment weak{{"TENANTRY_DATABASE_URL", "postgresql://tenantry_owner:postgres@db.internal/tenantry"},
                         {"TENANTRY_AMQP_URL", "amqp://guest:guest@rabbitmq/platform"},
                         {"TENANTRY_AMQP_ADMIN_URL", "http://guest:guest@rabbitmq:15672"}};
  const auto said = found(weak);
  for (const char* name : {"TENANTRY_DATABASE_URL: its password", "TENANTRY_AMQP_URL: its password",
                           "TENANTRY_AMQP_ADMIN_URL: its password"}) {
    EXPECT_NE(said.find(name), said.npos) << said;
  }
  EXPECT_EQ(said.find("guest"), said.npos) << "and does not print it";
  auto trying_out = weak;
  trying_out["TENANTRY_TEST_CLOCK"] = "1";
  EXPECT_EQ(found(trying_out), "");
}

TEST(Config, RefusesAWordThatIsNone) {
  Reader reader(Environment{{"TENANTRY_QUEUE_TYPE", "mirrored"}});
  EXPECT_EQ(reader.word("TENANTRY_QUEUE_TYPE"), "auto");
  const auto done = reader.finish();
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().fields[0].detail, "must be auto, classic or quorum");
}

}  // namespace
}  // namespace tenantry::config::config_test
