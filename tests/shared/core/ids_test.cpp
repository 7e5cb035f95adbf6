#include "shared/core/ids.h"

#include <gtest/gtest.h>

#include <set>

namespace tenantry::ids_test {
namespace {

TEST(UuidV7, RisesStrictlyWithinAMillisecond) {
  ManualClock clock{from_unix_seconds(1'700'000'000)};
  SystemIdGenerator ids{clock};
  Uuid last = ids.next();
  for (int i = 0; i < 10'000; ++i) {
    const Uuid id = ids.next();
    ASSERT_LT(last, id);
    ASSERT_EQ(id.version(), 7);
    ASSERT_EQ(id.bytes[8] >> 6, 2);
    last = id;
  }
}

TEST(UuidV7, NeverGoesBackWhenTheClockDoes) {
  ManualClock clock{from_unix_seconds(1'700'000'000)};
  SystemIdGenerator ids{clock};
  const Uuid before = ids.next();
  clock.advance(-Seconds{60});
  EXPECT_LT(before, ids.next());
}

TEST(UuidV7, KeepsItsTimeAndText) {
  ManualClock clock{from_unix_seconds(1'700'000'000)};
  SystemIdGenerator ids{clock};
  const Uuid id = ids.next();
  EXPECT_EQ(id.time(), clock.now());
  const auto parsed = Uuid::parse(id.to_string());
  ASSERT_TRUE(parsed);
  EXPECT_EQ(*parsed, id);
  EXPECT_FALSE(Uuid::parse("0190163d8694739b-aea5-966c26f8ad91-------"));
}

TEST(DerivedUuid, IsTheSameForTheSameCauseAndDiffersOtherwise) {
  const auto at = from_unix_seconds(1'700'000'000);
  Bytes digest(32, 0xAB);
  const Uuid first = derive_uuid_v7(at, digest);
  EXPECT_EQ(first, derive_uuid_v7(at, digest));
  EXPECT_EQ(first.version(), 7);
  EXPECT_EQ(first.time(), at);
  digest[9] ^= 1;
  EXPECT_NE(first, derive_uuid_v7(at, digest));
}

}  // namespace
}  // namespace tenantry::ids_test
