#include "workers/gateway/validate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include <nlohmann/json.hpp>

namespace tenantry::gateway {
namespace {

using nlohmann::json;

const std::set<std::string> known_plans = {"FREE", "STARTER"};

json signup() {
  return {{"company_name", "Acme Corporation"},
          {"company_email", "contact@acme.example"},
          {"admin_email", " Marie@ACME.example "},
          {"admin_password", "correct horse battery"},
          {"admin_first_name", "Marie"},
          {"admin_last_name", "Durand"},
          {"plan", "starter"},
          {"accept_terms", true},
          {"accept_privacy", true}};
}

std::vector<std::string> errors_of(const json& body) {
  const auto parsed = parse_signup(body.dump(), known_plans, SignupForm::person);
  std::vector<std::string> errors;
  if (parsed) return errors;
  EXPECT_EQ(parsed.error().reason, "validation_failed");
  for (const auto& field : parsed.error().fields) errors.push_back(field.pointer + " " + field.code);
  return errors;
}

TEST(Signup, FoldsWhatItTakes) {
  const auto parsed = parse_signup(signup().dump(), known_plans, SignupForm::person);
  ASSERT_TRUE(parsed) << parsed.error().describe();
  EXPECT_EQ(parsed->admin_email, "marie@acme.example");
  EXPECT_EQ(parsed->plan, "STARTER");
  EXPECT_EQ(parsed->admin_password, "correct horse battery");
}

// Goal: each field's rules, named by pointer and code. Method: one row per broken rule in a body that is else right.
TEST(Signup, EachRule) {
  struct Row {
    const char* field;
    json value;
    const char* code;
  };
  const Row rows[] = {
      {"company_name", "", "required"},
      {"company_name", "   ", "required"},
      {"company_name", 7, "type"},
      {"company_name", std::string(10'240, 'a'), "length"},
      {"company_name", "Acme\r\nBcc: x", "characters"},
      {"company_email", "not an address", "email"},
      {"admin_email", nullptr, "required"},
      {"admin_email", "a@b", "email"},
      {"admin_email", "a..b@acme.fr", "email"},
      {"admin_email", "a@-acme.fr", "email"},
      {"admin_password", "short", "too_short"},
      {"admin_password", "password", "too_common"},
      {"admin_password", "acme corporation", "too_obvious"},
      {"admin_password", std::string(1'025, 'x'), "length"},
      {"admin_password", 12345678, "type"},
      {"admin_first_name", json::array(), "type"},
      {"admin_last_name", std::string(101, 'a'), "length"},
      {"plan", "GOLD", "unknown_plan"},
      {"accept_terms", false, "accepted"},
      {"accept_terms", "true", "type"},
      {"accept_privacy", nullptr, "required"},
  };
  for (const auto& row : rows) {
    auto body = signup();
    body[row.field] = row.value;
    EXPECT_THAT(errors_of(body), testing::ElementsAre("/" + std::string(row.field) + " " + row.code))
        << row.field << " " << row.code;
  }
}

TEST(Signup, EveryMissingFieldIsListedAtOnce) {
  const auto full = signup();
  for (const auto& [name, value] : full.items()) {
    auto body = full;
    body.erase(name);
    EXPECT_THAT(errors_of(body), testing::ElementsAre("/" + name + " required"));
  }
  EXPECT_EQ(errors_of(json::object()).size(), full.size());
}

TEST(Signup, ForeignFieldsAreIgnored) {
  auto body = signup();
  body["role"] = "owner";
  body["tenant_id"] = "other";
  body["status"] = "active";
  EXPECT_TRUE(errors_of(body).empty());
}

TEST(Signup, WhatIsNoObjectIsMalformed) {
  for (const char* const body : {"", "{", "[]", "1", "{\"a\":1,\"a\":2}", "\xff"}) {
    const auto parsed = parse_signup(body, known_plans, SignupForm::person);
    ASSERT_FALSE(parsed);
    EXPECT_EQ(parsed.error().reason, "malformed_json") << body;
  }
}

TEST(Signup, AnAdminSetsNoPassword) {
  auto body = signup();
  body.erase("admin_password");
  body.erase("accept_terms");
  body.erase("accept_privacy");
  EXPECT_TRUE(parse_signup(body.dump(), known_plans, SignupForm::admin));
}

TEST(AdminAction, ReasonIsOneWord) {
  EXPECT_FALSE(parse_admin_action("", ""));
  EXPECT_FALSE(parse_admin_action(R"({"reason":"Not a word"})", ""));
  EXPECT_EQ(parse_admin_action(R"({"reason":"abuse","note":"spam"})", "")->note, "spam");
  EXPECT_EQ(parse_admin_action("", "admin")->reason, "admin");
}

TEST(ContentType, JsonAndNothingElse) {
  const auto accepted = [](const char* type, BodyKind kind) {
    return acceptable_content({.headers = {{"Content-Type", type}}, .body = "{}"}, kind);
  };
  EXPECT_TRUE(accepted("application/json", BodyKind::json));
  EXPECT_TRUE(accepted("Application/JSON; charset=utf-8", BodyKind::json));
  EXPECT_FALSE(accepted("text/plain", BodyKind::json));
  EXPECT_FALSE(accepted("application/cloudevents+json", BodyKind::json));
  EXPECT_TRUE(accepted("application/cloudevents+json", BodyKind::event));
  EXPECT_TRUE(acceptable_content({}, BodyKind::json));
  EXPECT_FALSE(acceptable_content({.body = "{}"}, BodyKind::json));
  EXPECT_FALSE(acceptable_content(
      {.headers = {{"Content-Type", "application/json"}, {"Content-Encoding", "gzip"}}, .body = "x"}, BodyKind::json));
}

TEST(IdempotencyKey, QuotedOrNot) {
  const auto key = [](std::string value) {
    return idempotency_key({.headers = {{"Idempotency-Key", std::move(value)}}});
  };
  EXPECT_EQ(**key("abc"), "abc");
  EXPECT_EQ(**key("\"abc\""), "abc");
  EXPECT_FALSE(key(""));
  EXPECT_FALSE(key("\"\""));
  EXPECT_TRUE(key(std::string(255, 'x')));
  EXPECT_FALSE(key(std::string(256, 'x')));
  EXPECT_FALSE(idempotency_key({.headers = {{"Idempotency-Key", "a"}, {"Idempotency-Key", "a"}}}));
  EXPECT_FALSE(idempotency_key({})->has_value());
}

// A User-Agent goes into every event; one that was no UTF-8 had them all refused by the workers.
TEST(Printable, IsWholeCharactersOfUtf8) {
  EXPECT_EQ(printable("curl/8.0 é", 256), "curl/8.0 é");
  EXPECT_EQ(printable("a\xff\xfe z\xc3", 256), "a?? z?");
  EXPECT_EQ(printable("\xed\xa0\x80", 256), "???");  // a surrogate
  EXPECT_EQ(printable(std::string("a\0b\nc\x7f", 6), 256), "a?b?c?");
  EXPECT_EQ(printable("xéé", 4), "xé");
  EXPECT_EQ(printable(std::string(1'000, 'x'), 256).size(), 256U);
  EXPECT_EQ(printable("", 256), "");
}

TEST(AdminAction, HoldsNoNul) {
  const auto action = parse_admin_action(R"({"reason":"abuse","note":"a\u0000b"})", "");
  ASSERT_FALSE(action);
  EXPECT_EQ(action.error().fields[0].pointer, "/note");
  EXPECT_TRUE(parse_admin_action(R"({"reason":"abuse","note":"two\nlines"})", ""));
}

// Goal: nobody decides about all dead letters by leaving a filter out.
TEST(DeadLetterAction, SaysWhich) {
  EXPECT_FALSE(parse_dead_letter_action("{}"));
  EXPECT_FALSE(parse_dead_letter_action(R"({"max":5,"note":"x","state":"dropped"})"));
  EXPECT_TRUE(parse_dead_letter_action(R"({"all":true})"));
  EXPECT_EQ(parse_dead_letter_action(R"({"worker":"billing"})")->letters_max, 100);
  EXPECT_EQ(parse_dead_letter_action(R"({"ids":["0193a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b"]})")->ids.size(), 1U);
}

TEST(DeadLetterAction, EveryBrokenRuleIsNamed) {
  const auto action = parse_dead_letter_action(
      R"({"ids":[],"reason":"mood","state":"redriven","since":"now","max":0,"rate":-1,"dry_run":"yes"})");
  ASSERT_FALSE(action);
  std::set<std::string> pointers;
  for (const auto& field : action.error().fields) pointers.insert(field.pointer);
  for (const char* pointer : {"/ids", "/reason", "/state", "/since", "/max", "/rate", "/dry_run"}) {
    EXPECT_TRUE(pointers.contains(pointer)) << pointer;
  }
}

// Goal: a hold says what, why and until when; the end lies ahead.
TEST(Hold, NamesEveryBrokenRule) {
  const auto now = *from_rfc3339("2026-11-21T00:00:00Z");
  const auto rules = [&](const char* body) {
    const auto parsed = parse_hold(body, now);
    std::string out;
    if (!parsed) {
      for (const auto& field : parsed.error().fields) out += field.pointer + " " + field.code + ";";
    }
    return out;
  };
  EXPECT_EQ(rules(R"({"hold":"legal","reason":"case 17","ends_at":"2027-01-01T00:00:00Z"})"), "");
  EXPECT_EQ(rules(R"({"hold":"no_suspend","reason":"agreed","ends_at":"2027-01-01T00:00:00Z"})"), "");
  EXPECT_EQ(rules("{}"), "/hold required;/reason required;/ends_at required;");
  EXPECT_EQ(rules(R"({"hold":"no_billing","reason":" ","ends_at":"2026-11-21T00:00:00Z"})"),
            "/hold choice;/reason required;/ends_at future;");
  EXPECT_EQ(rules(R"({"hold":"legal","reason":"x","ends_at":"tomorrow"})"), "/ends_at rfc3339;");
  EXPECT_EQ(rules(R"({"hold":"legal","reason":"x","ends_at":null})"), "/ends_at required;");
  EXPECT_EQ(rules(R"({"hold":"legal","reason":"x","ends_at":""})"), "/ends_at required;");
  EXPECT_TRUE(parse_hold_release(R"({"hold":"legal","reason":"closed"})"));
  EXPECT_FALSE(parse_hold_release(R"({"hold":"legal"})"));
}

}  // namespace
}  // namespace tenantry::gateway
