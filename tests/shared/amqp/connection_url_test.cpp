#include <gtest/gtest.h>

#include "shared/amqp/connection.h"

namespace tenantry::amqp::connection_url_test {
namespace {

TEST(ParseUrl, ReadsEveryPart) {
  const auto parsed = parse_url("amqps://us%40er:p%3Aw@broker.example:5000/tenant%2Fa");
  ASSERT_TRUE(parsed);
  EXPECT_TRUE(parsed->tls);
  EXPECT_EQ(parsed->user, "us@er");
  EXPECT_EQ(parsed->password, "p:w");
  EXPECT_EQ(parsed->host, "broker.example");
  EXPECT_EQ(parsed->port, 5000);
  EXPECT_EQ(parsed->vhost, "tenant/a");
}

TEST(ParseUrl, FillsWhatIsLeftOut) {
  const auto plain = parse_url("amqp://[::1]");
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->host, "::1");
  EXPECT_EQ(plain->port, 5672);
  EXPECT_EQ(plain->vhost, "/");
  EXPECT_EQ(plain->user, "guest");
  EXPECT_EQ(parse_url("amqps://host")->port, 5671);
}

TEST(ParseUrl, NamesThePartThatIsWrong) {
  const std::pair<const char*, const char*> rows[] = {{"http://host", "/scheme"},
                                                      {"amqp://", "/host"},
                                                      {"amqp://user:pw@:5672", "/host"},
                                                      {"amqp://host:0", "/port"},
                                                      {"amqp://host:65536", "/port"},
                                                      {"amqp://host:", "/port"},
                                                      {"amqp://host:56x", "/port"},
                                                      {"amqp://host/", "/vhost"},
                                                      {"amqp://host/a/b", "/vhost"},
                                                      {"amqp://host/a%2", "/vhost"},
                                                      {"amqp://host/%zz", "/vhost"},
                                                      {"amqp://host/%00", "/vhost"},
                                                      {"amqp://a%:b@host", "/user"},
                                                      {"amqp://:b@host", "/user"},
                                                      {"amqp://a:%1@host", "/password"},
                                                      {"amqp://[::1", "/host"},
                                                      {"amqp://host/v?heartbeat=0", "/query"}};
  for (const auto& [url, part] : rows) {
    const auto parsed = parse_url(url);
    ASSERT_FALSE(parsed) << url;
    ASSERT_EQ(parsed.error().fields.size(), 1U) << url;
    EXPECT_EQ(parsed.error().fields[0].pointer, part) << url;
  }
}

}  // namespace
}  // namespace tenantry::amqp::connection_url_test
