#include "events/catalogue.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "events/codec.h"
#include "events/topology.h"
#include "tenantry/events/v1/billing.pb.h"
#include "tests/support/source_path.h"

namespace tenantry::events::catalogue_test {
namespace {

TEST(Catalogue, EveryEntrySaysWhatItStates) {
  for (const auto& entry : Catalogue::instance().entries()) {
    EXPECT_FALSE(entry.summary.empty()) << entry.type;
    EXPECT_TRUE(entry.type.find('.') != entry.type.npos) << entry.type;
    if (!entry.resource_id_field.empty()) {
      EXPECT_NE(entry.descriptor->FindFieldByName(entry.resource_id_field), nullptr) << entry.type;
    }
  }
}

// Goal: the audit worker can write every change: of a text, a flag or a whole number.
TEST(Catalogue, EveryChangeNamesAFieldThatCanBeWritten) {
  using Field = google::protobuf::FieldDescriptor;
  const std::set<Field::CppType> written = {Field::CPPTYPE_STRING, Field::CPPTYPE_BOOL, Field::CPPTYPE_INT32,
                                            Field::CPPTYPE_INT64};
  for (const auto& entry : Catalogue::instance().entries()) {
    for (const auto& change : entry.changes) {
      for (const auto& name : {change.old_field, change.new_field}) {
        if (name.empty()) continue;
        const auto* field = entry.descriptor->FindFieldByName(name);
        ASSERT_NE(field, nullptr) << entry.type << " " << name;
        EXPECT_TRUE(!field->is_repeated() && written.contains(field->cpp_type())) << entry.type << " " << name;
      }
    }
  }
}

TEST(Catalogue, OnlyWhatIsMarkedOpenIsUnprivileged) {
  const auto& catalogue = Catalogue::instance();
  for (const char* type :
       {"payment.succeeded", "tenant.activated", "subscription.updated", "trial.ended", "plan.changed",
        "invoice.issued", "payment.anything", "tenant.unheard_of", "plan.x", "invoice.y", "security.z"}) {
    EXPECT_TRUE(catalogue.is_privileged(type)) << type;
  }
  for (const char* type : {"usage.recorded", "order.created", "app.anything", "payments.mine"}) {
    EXPECT_FALSE(catalogue.is_privileged(type)) << type;
  }
}

TEST(Catalogue, EverySubscriptionNamesAType) {
  for (const auto& subscription : subscriptions()) {
    if (subscription.pattern == "#") continue;
    EXPECT_NE(Catalogue::instance().find(subscription.pattern), nullptr) << subscription.pattern;
  }
}

// Goal: every type has an example in schemas/examples that its schema takes, and no example is left of a type that
// went.
TEST(Catalogue, EveryTypeHasAnExampleThatItsSchemaTakes) {
  std::set<std::string> examples;
  for (const auto& file : std::filesystem::directory_iterator(source_path("schemas/examples"))) {
    examples.insert(file.path().stem());
  }
  for (const auto& entry : Catalogue::instance().entries()) {
    ASSERT_EQ(examples.erase(entry.type), 1u) << "schemas/examples/" << entry.type << ".json is missing";
    std::ifstream in(source_path("schemas/examples/") + entry.type + ".json");
    Event event;
    event.type = entry.type;
    event.content_type = "application/json";
    event.payload.assign(std::istreambuf_iterator<char>(in), {});
    const auto parsed = parse_payload(event);
    ASSERT_TRUE(parsed) << entry.type << ": " << (parsed ? "" : parsed.error().describe());
    // Our own printer says what protobuf's says: read back, it is the same message.
    const auto theirs = [](const google::protobuf::Message& message) {
      std::string text;
      EXPECT_TRUE(google::protobuf::util::MessageToJsonString(message, &text).ok());
      return nlohmann::json::parse(text);
    };
    std::unique_ptr<google::protobuf::Message> back(event.message->New());
    ASSERT_TRUE(google::protobuf::util::JsonStringToMessage(payload_json(event), back.get()).ok()) << entry.type;
    EXPECT_EQ(theirs(*back), theirs(*event.message)) << entry.type;
  }
  EXPECT_TRUE(examples.empty()) << *examples.begin();
}

TEST(PayloadJson, IntegersAreNumbersWhereADoubleHoldsThemAndNoughtsAreSaid) {
  const auto amount = [](std::int64_t minor) {
    v1::PaymentSucceeded message;
    message.mutable_payment()->set_amount_minor(minor);
    Event event;
    event.message = std::make_shared<v1::PaymentSucceeded>(message);
    return nlohmann::json::parse(payload_json(event)).at("payment").at("amount_minor").dump();
  };
  EXPECT_EQ(amount(14'900), "14900");
  EXPECT_EQ(amount(0), "0");
  EXPECT_EQ(amount(-(1LL << 53)), "-9007199254740992");
  EXPECT_EQ(amount((1LL << 53) + 1), "\"9007199254740993\"");
}

}  // namespace
}  // namespace tenantry::events::catalogue_test
