#include "events/catalogue.h"

#include <google/protobuf/descriptor.h>
#include <gtest/gtest.h>

#include <set>

#include "events/topology.h"

namespace tenantry::events {
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

TEST(Catalogue, OnlyWhatIsMarkedOpenIsUnprivileged) {
  const auto& catalogue = Catalogue::instance();
  for (const char* type : {"payment.succeeded", "tenant.activated", "subscription.updated", "trial.ended", "plan.changed",
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

}  // namespace
}  // namespace tenantry::events
