#include "workers/provisioning/saga.h"

#include <gtest/gtest.h>

namespace tenantry::provisioning::saga_test {
namespace {

const Error away{.code = Errc::unavailable, .message = "broker away"};
const Error wrong{.code = Errc::invalid, .message = "refused"};
const SagaPolicy policy;

TEST(Saga, RetriesLaterAndLaterThenGivesUp) {
  EXPECT_EQ(after_run("provision", std::nullopt, false, 0, policy).next, Next::finished);
  EXPECT_EQ(after_run("provision", away, false, 0, policy).retry_in, Milliseconds{500});
  EXPECT_EQ(after_run("provision", away, false, 2, policy).retry_in, Milliseconds{2000});
  EXPECT_EQ(after_run("provision", away, false, policy.attempts_max - 1, policy).next, Next::give_up);
  EXPECT_EQ(after_run("provision", wrong, false, 0, policy).next, Next::give_up);
}

TEST(Saga, WhatExistsOrShouldExistIsNeverGivenUp) {
  EXPECT_EQ(after_run("release", wrong, false, 50, policy).next, Next::retry);
  EXPECT_EQ(after_run("reconcile", wrong, false, 50, policy).next, Next::retry);
  EXPECT_EQ(after_run("release", away, false, 50, policy).retry_in, policy.retry_cap);
  EXPECT_EQ(after_run("release", away, true, 0, policy).retry_in, policy.drain_poll);
}

}  // namespace
}  // namespace tenantry::provisioning::saga_test
