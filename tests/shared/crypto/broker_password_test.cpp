#include "shared/crypto/broker_password.h"

#include <gtest/gtest.h>

namespace tenantry::crypto::broker_password_test {
namespace {

// The example of RabbitMQ's manual ("Credentials and Passwords", computing a password hash by hand).
TEST(BrokerPassword, IsHashedAsRabbitMqDoes) {
  EXPECT_EQ(broker_password_hash("test12", {0x90, 0x8D, 0xC6, 0x0A}),
            "kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR");
}

TEST(BrokerPassword, OfNobodyLooksLikeOne) {
  EXPECT_EQ(broker_password_of_nobody().size(), 48U);
  EXPECT_NE(broker_password_of_nobody(), broker_password_of_nobody());
}

}  // namespace
}  // namespace tenantry::crypto::broker_password_test
