// Goal: what a person typed is what answers name: words that are meant, and options instead of fields.
#include "workers/cli/command.h"

#include <gtest/gtest.h>

#include "workers/cli/context.h"

namespace tenantry::cli::command_test {
namespace {

TEST(Nearest, IsWhatWasProbablyMeant) {
  const std::vector<std::string> known{"boulangerie-martin", "boulangerie-martine", "acme", "acme-2"};
  EXPECT_EQ(nearest("boulangerie-matin", known), "boulangerie-martin");
  EXPECT_EQ(nearest("acmee", known), "acme");
  EXPECT_EQ(nearest("zzz", known), "");
  EXPECT_EQ(nearest("acme", {}), "");
}

TEST(Typed, NamesTheOptionOfTheCommandThatRuns) {
  Command app("for a test");
  Session session{.app = &app};
  std::string text;
  auto* hold = app.add_subcommand("hold", "");
  hold->add_option("tenant", text, "");
  hold->add_option("--kind", text, "");
  hold->add_option("--until", text, "");
  hold->add_option("--remind-days", text, "");
  app.add_subcommand("plan", "")->add_option("plan", text, "");
  const char* const asks_for_a_hold[] = {"tenantry", "hold", "acme"};
  ASSERT_FALSE(app.parse(3, asks_for_a_hold));
  EXPECT_EQ(session.typed("/hold"), "--kind");
  EXPECT_EQ(session.typed("/ends_at"), "--until");
  EXPECT_EQ(session.typed("/remind_days/1"), "--remind-days");
  EXPECT_EQ(session.typed("/plan"), "/plan") << "of another command";
  EXPECT_EQ(session.typed(""), "");
  const char* const asks_for_a_plan[] = {"tenantry", "plan", "FREE"};
  ASSERT_FALSE(app.parse(3, asks_for_a_plan));
  EXPECT_EQ(session.typed("/plan"), "plan");
  EXPECT_EQ(session.typed("/hold"), "/hold");
}

}  // namespace
}  // namespace tenantry::cli::command_test
