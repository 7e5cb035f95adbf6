#include "workers/gateway/edge/fields.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include <nlohmann/json.hpp>
#include "workers/gateway/api/admin/dead_letters/requests.h"
#include "workers/gateway/api/admin/flags/requests.h"
#include "workers/gateway/api/admin/overrides/requests.h"
#include "workers/gateway/api/admin/stripe_events/requests.h"
#include "workers/gateway/api/admin/tenants/requests.h"
#include "workers/gateway/api/api_keys/requests.h"
#include "workers/gateway/api/auth/requests.h"
#include "workers/gateway/api/broker/requests.h"
#include "workers/gateway/api/clients/requests.h"
#include "workers/gateway/api/invitations/requests.h"
#include "workers/gateway/api/roles/requests.h"
#include "workers/gateway/api/signup/requests.h"
#include "workers/gateway/api/users/requests.h"
#include "workers/gateway/edge/content.h"
#include "workers/gateway/edge/settings.h"

namespace tenantry::gateway::fields_test {
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

// What an admin's program misspells would be missed in silence; a person's form may send what it likes.
TEST(Signup, ByAnAdminRefusesFieldsThatItDoesNotKnow) {
  auto body = signup();
  body["database_config"] = json::object();
  EXPECT_EQ(errors_of(body), std::vector<std::string>{});
  for (const char* of_a_person : {"admin_password", "accept_terms", "accept_privacy"}) body.erase(of_a_person);
  const auto parsed = parse_signup(body.dump(), known_plans, SignupForm::admin);
  ASSERT_FALSE(parsed);
  ASSERT_EQ(parsed.error().fields.size(), 1U);
  EXPECT_EQ(parsed.error().fields[0].pointer + " " + parsed.error().fields[0].code, "/database_config unknown");
  body.erase("database_config");
  EXPECT_TRUE(parse_signup(body.dump(), known_plans, SignupForm::admin));
}

// N04, N07: names are composed, addresses of one mailbox are one; what only shows is kept as it was written.
TEST(Signup, TakesNamesAndAddressesOfEveryScript) {
  auto body = signup();
  body["company_name"] = "Ele\u0301gance";
  body["company_email"] = "Info@M\u00FCller.example";
  body["admin_email"] = "Jo+x@M\u00DCLLER.example";
  const auto parsed = parse_signup(body.dump(), known_plans, SignupForm::person);
  ASSERT_TRUE(parsed) << parsed.error().describe();
  EXPECT_EQ(parsed->company_name, "El\u00E9gance");
  EXPECT_EQ(parsed->company_email, "Info@M\u00FCller.example");
  EXPECT_EQ(parsed->admin_email, "jo+x@xn--mller-kva.example");
  EXPECT_EQ(folded_email("JO+X@xn--mller-kva.example"), parsed->admin_email);
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
      {"company_name", "Acme\u202Emoc", "invisible"},
      {"admin_first_name", "Ma\u200Brie", "invisible"},
      {"admin_last_name", "\u3000\u00A0", "required"},
      {"admin_email", "jo@a_b.example", "email"},
      {"admin_email", "jo@b\u202Ecom.example", "email"},
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

TEST(ContentType, OfAnEventIsWhateverItsModeSays) {
  const auto accepted = [](http::Headers headers) {
    return acceptable_content({.headers = std::move(headers), .body = "x"}, BodyKind::event);
  };
  EXPECT_TRUE(accepted({{"Content-Type", "application/CloudEvents-Batch+json; charset=utf-8"}}));
  EXPECT_TRUE(accepted({{"Content-Type", "text/plain"}, {"CE-SpecVersion", "1.0"}}));
  EXPECT_TRUE(accepted({{"ce-specversion", "1.0"}}));
  EXPECT_FALSE(accepted({{"Content-Type", "text/plain"}}));
  EXPECT_FALSE(accepted({{"ce-specversion", "1.0"}, {"Content-Encoding", "gzip"}}));
}

// 406 where JSON is refused, and nowhere else.
TEST(Accept, IsReadAsItsGrammarSays) {
  const auto taken = [](const char* accept) { return takes_json({.headers = {{"Accept", accept}}}); };
  for (const char* accept :
       {"", "*/*", "application/json", "Application/JSON", "application/*;q=0.1", "text/html, */*;q=0.8",
        "application/json;charset=utf-8", "application/problem+json", "text/html;q=0, application/json",
        "application/*;q=0, application/json", "text/html;x=\"a,b;q=0\", application/json"}) {
    EXPECT_TRUE(taken(accept)) << accept;
  }
  for (const char* accept : {"text/html", "application/json;q=0", "application/json; Q=0.000",
                             "application/json;q=0, */*", "*/*;q=0", "application/xml, text/*", "application/jsonp"}) {
    EXPECT_FALSE(taken(accept)) << accept;
  }
  EXPECT_TRUE(takes_json({}));
  EXPECT_TRUE(takes_json({.headers = {{"Accept", "text/html"}, {"Accept", "application/json"}}}));
  EXPECT_TRUE(prefers({.headers = {{"Accept-Encoding", "br, GZIP;q=0.5"}}}, "Accept-Encoding", "gzip"));
  EXPECT_FALSE(prefers({.headers = {{"Accept-Encoding", "gzip;q=0.0"}}}, "Accept-Encoding", "gzip"));
  EXPECT_FALSE(prefers({.headers = {{"Accept-Encoding", "*"}}}, "Accept-Encoding", "gzip"));
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
// Whoever reads another's words reads what was meant to be read.
TEST(Line, HoldsNothingThatTurnsTheDirectionOrIsNotSeen) {
  for (const char* text : {"a\u202Eb", "a\u200Bb", "\u2066x"}) {
    const nlohmann::json object = {{"reason", text}};
    Fields fields(object);
    EXPECT_EQ(fields.line("reason", true, 100), "");
    const auto done = fields.finish(0);
    ASSERT_FALSE(done) << text;
    EXPECT_EQ(done.error().fields.at(0).code, "invisible");
  }
  const nlohmann::json object = {{"reason", "déjà vu\u202F: 👍🏽"}};
  Fields fields(object);
  EXPECT_EQ(fields.line("reason", true, 100), "déjà vu\u202F: 👍🏽");
}

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
  EXPECT_EQ(rules(R"({"hold":"no_billing","reason":"a partner","ends_at":"2027-01-01T00:00:00Z"})"), "");
  EXPECT_EQ(rules(R"({"hold":"no_mail","reason":" ","ends_at":"2026-11-21T00:00:00Z"})"),
            "/hold choice;/reason required;/ends_at future;");
  EXPECT_EQ(rules(R"({"hold":"legal","reason":"x","ends_at":"tomorrow"})"), "/ends_at rfc3339;");
  EXPECT_EQ(rules(R"({"hold":"legal","reason":"x","ends_at":null})"), "/ends_at required;");
  EXPECT_EQ(rules(R"({"hold":"legal","reason":"x","ends_at":""})"), "/ends_at required;");
  EXPECT_TRUE(parse_hold_release(R"({"hold":"legal","reason":"closed"})"));
  EXPECT_FALSE(parse_hold_release(R"({"hold":"legal"})"));
}

// Goal: a setting is what it may be, by what ICU and the IANA database know; whatever is none is named.
TEST(Settings, NameEveryBrokenRule) {
  const auto rules = [](const char* body) {
    const auto parsed = parse_settings_patch(body);
    std::string out;
    if (!parsed) {
      for (const auto& field : parsed.error().fields) out += field.pointer + " " + field.code + ";";
    }
    return out;
  };
  for (const char* zone : {"Europe/Paris", "America/Argentina/Buenos_Aires", "UTC", "Etc/GMT+5", "Asia/Kolkata"}) {
    EXPECT_EQ(rules((R"({"timezone":")" + std::string(zone) + "\"}").c_str()), "") << zone;
  }
  for (const char* zone :
       {"europe/paris", "PST", "Paris", "Europe/Atlantis", "GMT+1", "Europe/Paris ", "../etc/passwd"}) {
    const auto told = rules((R"({"timezone":")" + std::string(zone) + "\"}").c_str());
    EXPECT_EQ(told, std::string(zone) == "Europe/Paris " ? "" : "/timezone timezone;") << zone;
  }
  EXPECT_EQ(rules(R"({"currency":"EUR","locale":"en","date_format":"dd.MM.yyyy","first_day_of_week":"sunday"})"), "");
  EXPECT_EQ(rules(R"({"currency":"FRF"})"), "/currency currency;") << "money until 2002";
  EXPECT_EQ(rules(R"({"currency":"eur"})"), "/currency currency;");
  EXPECT_EQ(rules(R"({"currency":"ZZZ"})"), "/currency currency;");
  EXPECT_EQ(rules(R"({"locale":"de"})"), "/locale choice;");
  EXPECT_EQ(rules(R"({"branding":{"primary_color":"red","logo_url":"http://a.example/x.png","name":"\u202e"}})"),
            "/branding/logo_url url;/branding/name invisible;/branding/primary_color colour;");
  EXPECT_EQ(rules(R"({"branding":{"logo_url":"https://u:p@a.example/x.png"}})"), "/branding/logo_url url;");
  EXPECT_EQ(rules(R"({"sender":{"reply_to":"nobody"},"contacts":{"billing":"a@b.example"}})"),
            "/sender/reply_to email;");
  EXPECT_EQ(rules(R"({"colour":"x","branding":{"font":"y"},"branding/name":"z","timezone":7})"),
            "/branding/font unknown;/branding~1name unknown;/colour unknown;/timezone type;");
}

TEST(Settings, AreShownWhole) {
  const auto patch =
      parse_settings_patch(R"({"timezone":"America/Martinique","branding":{"name":"Chez Zoé"},"currency":null})");
  ASSERT_TRUE(patch);
  EXPECT_EQ(patch->at("currency"), std::nullopt);
  const auto shown = settings_document({{"branding/name", "Chez Zoé"}}, "en");
  EXPECT_EQ(shown.at("branding").at("name"), "Chez Zoé");
  EXPECT_EQ(shown.at("timezone"), "UTC");
  EXPECT_EQ(shown.at("locale"), "en");
  EXPECT_EQ(settings_document({}, "fr").at("timezone"), "Europe/Paris");
  EXPECT_EQ(settings_document({}, "fr").at("security").at("second_factor"), "optional");
  EXPECT_TRUE(demands_second_factor({{second_factor_setting, "required"}}));
  EXPECT_FALSE(demands_second_factor({{second_factor_setting, "optional"}}) || demands_second_factor({}));
  EXPECT_FALSE(parse_settings_patch(R"({"security":{"second_factor":"sometimes"}})"));
}

// Goal: a flag's terms are whole, and of plans there are.
TEST(FlagTerms, NameEveryBrokenRule) {
  const auto now = *from_rfc3339("2026-11-21T00:00:00Z");
  const auto rules = [&](const char* body) {
    const auto parsed = parse_flag_terms(body, {"STARTER"}, now);
    std::string out;
    if (!parsed) {
      for (const auto& field : parsed.error().fields) out += field.pointer + " " + field.code + ";";
    }
    return out;
  };
  EXPECT_EQ(rules(R"({"description":"x","enabled":true,"plans":["STARTER"],"percentage":5})"), "");
  EXPECT_EQ(rules("{}"), "/description required;/enabled required;");
  EXPECT_EQ(
      rules(R"({"description":"x","enabled":1,"plans":["GOLD"],"percentage":101,"expires_at":"2026-11-20T00:00:00Z"})"),
      "/enabled type;/plans/0 unknown_plan;/percentage range;/expires_at future;");
  EXPECT_FALSE(is_flag_name("New"));
  EXPECT_TRUE(is_flag_name("new_dashboard2"));
  EXPECT_TRUE(parse_flag_override(R"({"value":false,"reason":"pilot"})", now));
  EXPECT_FALSE(parse_flag_override(R"({"reason":"pilot"})", now));
}

// Goal: an override says which limit, how much, why, and where it is said until when.
TEST(Override, NamesEveryBrokenRule) {
  const auto now = *from_rfc3339("2026-11-21T00:00:00Z");
  const auto rules = [&](const char* body) {
    const auto parsed = parse_override(body, {"api_calls_max", "requests_per_minute", "users_max"}, now);
    std::string out;
    if (!parsed) {
      for (const auto& field : parsed.error().fields) out += field.pointer + " " + field.code + ";";
    }
    return out;
  };
  EXPECT_EQ(rules(R"({"name":"api_calls_max","value":-1,"reason":"promised"})"), "");
  EXPECT_EQ(rules(R"({"name":"users_max","value":9,"reason":"x","ends_at":"2027-01-01T00:00:00Z"})"), "");
  EXPECT_EQ(rules("{}"), "/name required;/reason required;/value integer;");
  EXPECT_EQ(rules(R"({"name":"price","value":1.5,"reason":"x"})"), "/name choice;/value integer;");
  EXPECT_EQ(rules(R"({"name":"users_max","value":-2,"reason":"x"})"), "/value range;");
  EXPECT_EQ(rules(R"({"name":"users_max","value":18446744073709551615,"reason":"x"})"), "/value range;");
  EXPECT_EQ(rules(R"({"name":"requests_per_minute","value":0,"reason":"x"})"), "/value range;");
  EXPECT_EQ(rules(R"({"name":"users_max","value":9,"reason":"x","ends_at":"2026-11-20T00:00:00Z"})"),
            "/ends_at future;");
  EXPECT_TRUE(parse_override_removal(R"({"name":"users_max","reason":"over"})"));
  EXPECT_FALSE(parse_override_removal(R"({"name":"users_max"})"));
}

TEST(StripeEventAction, SaysWhyAndOfAnAssignmentWhose) {
  EXPECT_TRUE(parse_stripe_event_reason("", false));
  EXPECT_FALSE(parse_stripe_event_reason("", true));
  EXPECT_TRUE(parse_stripe_event_assignment(R"({"tenant_id":"acme","reason":"their mail"})"));
  EXPECT_EQ(parse_stripe_event_assignment("{}").error().fields.size(), 2U);
}

std::string broken_queue(const std::string& body) {
  constexpr std::string_view heard[] = {"tenant.activated", "trial.ending"};
  const auto parsed = parse_broker_queue(body, heard);
  if (parsed) return {};
  std::string out;
  for (const auto& field : parsed.error().fields) out += field.pointer + " " + field.code + "; ";
  return out;
}

TEST(BrokerQueue, TakesPatternsOfItsOwnEventsAndTypesOfThePlatforms) {
  constexpr std::string_view heard[] = {"tenant.activated", "trial.ending"};
  const auto parsed = parse_broker_queue(R"({"name":"orders.v2","own_events":["order.*","#","order.*"],)"
                                         R"("platform_events":["trial.ending"],"message_ttl_seconds":60})",
                                         heard);
  ASSERT_TRUE(parsed) << parsed.error().describe();
  EXPECT_EQ(parsed->own_events, (std::vector<std::string>{"#", "order.*"}));
  EXPECT_EQ(parsed->message_ttl_seconds, 60);
}

TEST(BrokerQueue, NamesEveryRuleThatIsBroken) {
  EXPECT_EQ(broken_queue(R"({"name":"a"})"), "/own_events required; ");
  for (const char* name : {"", "-a", "a-", "A", "a b", "a/b", "\u00e9", "a#"}) {
    EXPECT_NE(broken_queue(std::string(R"({"own_events":[],"name":")") + name + "\"}"), "") << name;
  }
  EXPECT_EQ(broken_queue(R"({"name":"a","own_events":["order.*", "", "a..b", "a b", "or*", 7]})"),
            "/own_events/1 pattern; /own_events/2 pattern; /own_events/3 pattern; /own_events/4 pattern; /own_events/5 "
            "type; ");
  EXPECT_EQ(broken_queue(R"({"name":"a","platform_events":["trial.ending","tenant.registered","#"]})"),
            "/platform_events/1 choice; /platform_events/2 choice; ");
  EXPECT_EQ(broken_queue(R"({"name":"a","own_events":"#"})"), "/own_events list; ");
  EXPECT_EQ(broken_queue(R"({"name":"a","own_events":[],"message_ttl_seconds":0})"), "/message_ttl_seconds range; ");
}

// The broker's time for a pattern grows with the length of a key to the power of its '#'s.
TEST(BrokerQueue, RefusesPatternsThatWouldHoldUpTheBroker) {
  EXPECT_EQ(broken_queue(R"({"name":"a","own_events":["#.a.#"]})"), "");
  EXPECT_EQ(broken_queue(R"({"name":"a","own_events":["#.a.#.b.#"]})"), "/own_events/0 pattern; ");
}

template <class T>
std::string broken(const Result<T>& parsed) {
  std::string out;
  if (!parsed) {
    for (const auto& field : parsed.error().fields) out += field.pointer + " " + field.code + "; ";
  }
  return out;
}

TEST(People, AreInvitedByAddressAndRole) {
  const auto parsed =
      parse_invitation(R"({"email":" Zoe@ACME.example","role":"manager","locale":"en","state":"active"})");
  ASSERT_TRUE(parsed) << parsed.error().describe();
  EXPECT_EQ(parsed->email, "zoe@acme.example");
  EXPECT_EQ(parsed->role + " " + parsed->locale, "manager en");
  EXPECT_EQ(broken(parse_invitation("{}")), "/email required; /role required; ");
  EXPECT_EQ(broken(parse_invitation(R"({"email":"nobody","role":" ","locale":"de"})")),
            "/email email; /role required; /locale choice; ");
  EXPECT_EQ(broken(parse_role(R"({"role":7})")), "/role type; ");
  EXPECT_EQ(broken(parse_role(R"({"role":")" + std::string(41, 'a') + "\"}")), "/role length; ");
}

TEST(People, ChooseNamesAndAPasswordThatIsNotTheirName) {
  const auto with = [](const std::string& password) {
    return broken(parse_new_person(R"({"first_name":"Paul","last_name":"Durand","accept_terms":true,"password":")" +
                                   password + "\"}"));
  };
  EXPECT_EQ(with("Une-Baguette-Bien-Cuite-42"), "");
  EXPECT_EQ(with("PaulDurand"), "/password too_obvious; ");
  EXPECT_EQ(with("paul durand 77"), "/password too_obvious; ");
  EXPECT_EQ(with("short"), "/password too_short; ");
  EXPECT_EQ(broken(parse_new_person("{}")),
            "/first_name required; /last_name required; /password required; /accept_terms required; ");
}

TEST(People, SwitchAndHandOver) {
  EXPECT_EQ(parse_switch(R"({"tenant_id":"acme"})")->refresh_token, "");
  EXPECT_EQ(broken(parse_switch(R"({"refresh_token":7})")), "/tenant_id required; /refresh_token type; ");
  EXPECT_FALSE(*parse_transfer(""));
  EXPECT_TRUE(*parse_transfer(R"({"leave":true})"));
  EXPECT_EQ(broken(parse_transfer(R"({"leave":"yes"})")), "/leave type; ");
}

template <class T>
std::vector<std::string> all_broken(const Result<T>& parsed) {
  std::vector<std::string> errors;
  if (!parsed) {
    for (const auto& field : parsed.error().fields) errors.push_back(field.pointer + " " + field.code);
  }
  return errors;
}

bool is_known(std::string_view grant) {
  return grant.find("unicorns") == grant.npos;
}

TEST(Roles, AreOfTheGrammarAndGrantSomething) {
  const auto parse = [](const json& body) { return parse_new_role(body.dump(), is_known); };
  const auto good = parse({{"role", "night-shift_2"}, {"permissions", {"usage:read", "clients:*:own", "usage:read"}}});
  ASSERT_TRUE(good) << good.error().describe();
  EXPECT_EQ(good->permissions, (std::vector<std::string>{"clients:*:own", "usage:read"}));
  EXPECT_EQ(
      all_broken(parse({{"role", "Chef"}, {"permissions", {"clients", "unicorns:read", 3}}, {"description", "a\nb"}})),
      (std::vector<std::string>{"/role role_name", "/description characters", "/permissions/0 permission",
                                "/permissions/1 unknown_permission", "/permissions/2 type"}));
  // Of what has no owner nothing is one's own.
  const auto ownerless = [](std::string_view grant) { return grant != "usage:read:own" && is_known(grant); };
  const json own = {{"role", "x"}, {"permissions", {"clients:*:own", "unicorns:read:own", "usage:read:own"}}};
  EXPECT_EQ(all_broken(parse_new_role(own.dump(), ownerless)),
            (std::vector<std::string>{"/permissions/1 unknown_permission", "/permissions/2 no_owner"}));
  for (const char* name : {"", "2nd", "_x", "é", "a b", "a.b", "a/b"}) {
    EXPECT_FALSE(parse({{"role", name}})) << name;
  }
  EXPECT_FALSE(parse({{"role", std::string(41, 'a')}}));
}

TEST(Roles, PatchesLeaveWhatIsAbsent) {
  const auto patch = parse_role_patch(R"({"permissions": []})", is_known);
  ASSERT_TRUE(patch);
  EXPECT_FALSE(patch->description);
  EXPECT_EQ(patch->permissions, std::vector<std::string>{});
  EXPECT_FALSE(parse_role_patch("[]", is_known));
}

TEST(ApiKeys, HoldWhatMachinesMay) {
  const auto now = from_unix_seconds(1'800'000'000);
  const auto parse = [&](const json& body) { return parse_api_key_request(body.dump(), is_known, now); };
  json body = {{"name", "Import"}, {"permissions", {"clients:read"}}, {"networks", {"192.0.2.9/24"}}};
  const auto usual = parse(body);
  ASSERT_TRUE(usual) << usual.error().describe();
  EXPECT_EQ(usual->networks, std::vector<std::string>{"192.0.2.0/24"});
  EXPECT_EQ(usual->expires_at, now + Days{90});
  body["never_expires"] = true;
  EXPECT_EQ(parse(body)->expires_at, std::nullopt);
  body["expires_at"] = to_rfc3339(now + Days{1});
  EXPECT_EQ(all_broken(parse(body)), std::vector<std::string>{"/never_expires contradiction"});
  body.erase("never_expires");
  EXPECT_EQ(parse(body)->expires_at, now + Days{1});
  body["expires_at"] = to_rfc3339(now);
  EXPECT_EQ(all_broken(parse(body)), std::vector<std::string>{"/expires_at range"});
  EXPECT_EQ(all_broken(parse({{"name", " "}, {"networks", {"everywhere"}}})),
            (std::vector<std::string>{"/name required", "/permissions required", "/networks/0 network"}));
  EXPECT_EQ(all_broken(parse({{"name", "x"}, {"permissions", {"*", "users:read", "unicorns:read", "clients"}}})),
            (std::vector<std::string>{"/permissions/0 not_for_keys", "/permissions/1 not_for_keys",
                                      "/permissions/2 unknown_permission", "/permissions/3 permission"}));
  EXPECT_EQ(usual->requests_per_minute, std::nullopt);
  EXPECT_EQ(parse_key_rate(R"({"requests_per_minute": 60})").value().requests_per_minute, 60);
  EXPECT_EQ(parse_key_rate(R"({"requests_per_minute": null})").value().requests_per_minute, std::nullopt);
  for (const auto* rate : {"0", "1.0", "\"60\"", "true", "1000001", "99999999999999999999", "-1"}) {
    EXPECT_EQ(all_broken(parse_key_rate(std::string(R"({"requests_per_minute": )") + rate + "}")),
              std::vector<std::string>{"/requests_per_minute range"})
        << rate;
  }
  EXPECT_EQ(all_broken(parse_key_rate("{}")), std::vector<std::string>{"/requests_per_minute required"});
  EXPECT_EQ(parse_rotation("", now).value(), now + Days{90});
  EXPECT_EQ(parse_rotation(R"({"never_expires": true})", now).value(), std::nullopt);
}

TEST(Passwords, AreAskedForWhole) {
  EXPECT_EQ(parse_forgotten(R"({"email":" Zoe@ACME.example"})").value(), "zoe@acme.example");
  EXPECT_FALSE(parse_forgotten(R"({"email":"nobody"})"));
  EXPECT_TRUE(parse_reset(R"({"token":"pwr_x","password":"correct horse battery"})"));
  EXPECT_EQ(all_broken(parse_reset(R"({"password":"short"})")).front(), "/token required");
  EXPECT_EQ(all_broken(parse_reset(R"({"token":"pwr_x","password":"password1"})")).size(), 1U);
  EXPECT_EQ(all_broken(parse_password_change(R"({"password":"correct horse battery"})")),
            std::vector<std::string>{"/current_password required"});
}

TEST(SecondFactors, AreShownOneAtATime) {
  EXPECT_EQ(parse_factor(R"({"code":"123 456"})").value().code, "123456");
  EXPECT_EQ(parse_factor(R"({"recovery_code":"ABCDE-fghij "})").value().recovery_code, "abcdefghij");
  using Rules = std::vector<std::string>;
  EXPECT_EQ(all_broken(parse_factor("{}")), Rules{"/code required"});
  EXPECT_EQ(all_broken(parse_factor(R"({"code":"123456","recovery_code":"abc"})")), Rules{"/code one_of"});
  for (const char* code : {"12345", "1234567", "12345a", "１２３４５６"}) {
    EXPECT_EQ(all_broken(parse_factor(R"({"code":")" + std::string(code) + R"("})")), Rules{"/code code"}) << code;
  }
  const auto passkey = [](const char* response) {
    return parse_factor(R"({"passkey":{"id":"AQ","response":)" + std::string(response) + "}}");
  };
  const auto shown = passkey(R"({"clientDataJSON":"e30","authenticatorData":"AA","signature":"AQI"})");
  EXPECT_EQ(shown.value().passkey->signature, (Bytes{1, 2}));
  EXPECT_EQ(all_broken(passkey("7")), Rules{"/passkey type"});
  EXPECT_EQ(all_broken(passkey(R"({"clientDataJSON":"e3=","authenticatorData":"AA","signature":"AQ"})")),
            Rules{"/passkey passkey"});
  EXPECT_EQ(all_broken(parse_factor(R"({"passkey":null,"code":"123456"})")), Rules{"/passkey type"});
  EXPECT_EQ(all_broken(parse_new_passkey("{}")).front(), "/name required");
  EXPECT_EQ(all_broken(parse_code("{}")), Rules{"/code required"});
  EXPECT_FALSE(parse_step_up(R"({"password":"x"})").value().factor.given());
  EXPECT_EQ(all_broken(parse_step_up(R"({"code":"123456"})")), Rules{"/password required"});
}

}  // namespace
}  // namespace tenantry::gateway::fields_test
