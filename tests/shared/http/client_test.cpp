#include "shared/http/client.h"

#include <thread>

#include "tests/shared/http/fixture.h"

namespace tenantry::http::client_test {
namespace {

void answer(const std::shared_ptr<Exchange>& exchange) {
  const auto& request = exchange->request();
  if (request.path == "/redirect") return exchange->respond({.status = 302, .headers = {{"Location", "/"}}});
  if (request.path == "/large") return exchange->respond({.body = std::string(1000, 'x')});
  exchange->respond({.status = 201,
                     .headers = {{"X-Auth", std::string{request.headers.get("Authorization").value_or("none")}}},
                     .body = std::string{to_string(request.method)} + " " + request.body});
}

TEST(HttpClient, ExchangesAndKeepsItsConnection) {
  TestServer server{answer};
  HttpClient client;
  for (int i = 0; i < 3; ++i) {
    const auto response = client.perform({.method = "POST",
                                          .url = server.url("/p"),
                                          .headers = {{"Content-Type", "text/plain"}},
                                          .body = "text",
                                          .basic_auth = Credentials{"user", "password"}});
    ASSERT_TRUE(response) << response.error().describe();
    EXPECT_EQ(response->status, 201);
    EXPECT_EQ(response->body, "POST text");
    EXPECT_EQ(response->headers.get("x-auth"), "Basic dXNlcjpwYXNzd29yZA==");
  }
  EXPECT_EQ(client.perform({.url = server.url("/p")})->headers.get("X-Auth"), "none");
  EXPECT_EQ(client.perform({.method = "DELETE", .url = server.url("/p")})->body, "DELETE ");
  EXPECT_EQ(client.perform({.method = "HEAD", .url = server.url("/p")})->status, 201);
  std::size_t connections = 0;
  server.thread.run_sync([&] { connections = server.server->connections(); });
  EXPECT_EQ(connections, 1U);
}

TEST(HttpClient, ManyAtOnceAreAnsweredInTheOrderAsked) {
  std::vector<std::shared_ptr<Exchange>> held;  // on the loop
  TestServer server{[&](const std::shared_ptr<Exchange>& exchange) {
    if (exchange->request().path == "/first") return held.push_back(exchange);
    exchange->respond({.body = exchange->request().path});
    if (exchange->request().path != "/last") return;
    for (const auto& each : held) each->respond({.body = each->request().path});
    held.clear();
  }};
  std::vector<ClientRequest> requests{{.url = server.url("/first")}};
  for (int i = 0; i < 20; ++i) requests.push_back({.url = server.url("/" + std::to_string(i))});
  requests.push_back({.url = "not a URL"});
  requests.push_back({.url = server.url("/last")});
  HttpClient client;
  for (int again = 0; again < 2; ++again) {
    const auto answers = client.perform_all(requests, 3);
    ASSERT_EQ(answers.size(), requests.size());
    EXPECT_EQ(answers.front()->body, "/first");
    for (std::size_t i = 0; i < 20; ++i) EXPECT_EQ(answers[i + 1]->body, "/" + std::to_string(i));
    EXPECT_EQ(answers[21].error().code, Errc::invalid);
    EXPECT_EQ(answers.back()->body, "/last");
  }
  EXPECT_EQ(client.perform({.url = server.url("/alone")})->body, "/alone");
  EXPECT_TRUE(client.perform_all({}, 3).empty());
  std::size_t connections = 0;
  server.thread.run_sync([&] { connections = server.server->connections(); });
  EXPECT_EQ(connections, 3U);
}

struct Row {
  const char* name;
  std::function<ClientRequest(const TestServer&)> request;
  Errc code;
};
class HttpClientFails : public testing::TestWithParam<Row> {};

TEST_P(HttpClientFails, WithTheReason) {
  TestServer server{[](const std::shared_ptr<Exchange>& exchange) {
    if (exchange->request().path != "/never") return answer(exchange);
    exchange->start_stream(200, {});
  }};
  const auto request = GetParam().request(server);
  const auto blocking = HttpClient{}.perform(request);
  ASSERT_FALSE(blocking);
  EXPECT_EQ(blocking.error().code, GetParam().code) << blocking.error().describe();

  std::promise<Errc> code;
  std::unique_ptr<AsyncClient> client;
  server.thread.run_sync([&] {
    client = std::make_unique<AsyncClient>(server.thread.loop());
    client->perform(request, [&](const Result<ClientResponse>& response) {
      code.set_value(response ? Errc::internal : response.error().code);
    });
  });
  EXPECT_EQ(code.get_future().get(), GetParam().code);
  server.thread.run_sync([&] { client.reset(); });
}
INSTANTIATE_TEST_SUITE_P(
    , HttpClientFails,
    testing::Values(
        Row{"Timeout",
            [](const TestServer& s) { return ClientRequest{.url = s.url("/never"), .timeout = Milliseconds{100}}; },
            Errc::timeout},
        Row{"NobodyListens", [](const TestServer&) { return ClientRequest{.url = "http://127.0.0.1:1/"}; },
            Errc::unavailable},
        Row{"TooLarge",
            [](const TestServer& s) { return ClientRequest{.url = s.url("/large"), .response_size_max = 999}; },
            Errc::too_large},
        Row{"OtherProtocol", [](const TestServer&) { return ClientRequest{.url = "file:///etc/passwd"}; },
            Errc::invalid},
        Row{"Gopher", [](const TestServer&) { return ClientRequest{.url = "gopher://127.0.0.1/"}; }, Errc::invalid},
        Row{"HeaderInjection",
            [](const TestServer& s) {
              return ClientRequest{.url = s.url("/"), .headers = {{"X", "a\r\nY: b"}}};
            },
            Errc::invalid},
        Row{"Private",
            [](const TestServer& s) { return ClientRequest{.url = s.url("/"), .allow_private_addresses = false}; },
            Errc::refused},
        Row{"PrivateDecimal",
            [](const TestServer&) {
              return ClientRequest{.url = "http://2130706433/", .allow_private_addresses = false};
            },
            Errc::refused},
        Row{"PrivateOctal",
            [](const TestServer&) { return ClientRequest{.url = "http://0177.1/", .allow_private_addresses = false}; },
            Errc::refused},
        Row{"PrivateUserinfo",
            [](const TestServer&) {
              return ClientRequest{.url = "http://a@127.0.0.1/", .allow_private_addresses = false};
            },
            Errc::refused},
        Row{"PrivateMapped",
            [](const TestServer&) {
              return ClientRequest{.url = "http://[::ffff:127.0.0.1]/", .allow_private_addresses = false};
            },
            Errc::refused},
        Row{"PrivateName",
            [](const TestServer&) {
              return ClientRequest{.url = "http://localhost/", .allow_private_addresses = false};
            },
            Errc::refused}),
    [](const auto& row) { return row.param.name; });

TEST(HttpClient, FollowsNoRedirectUnlessAsked) {
  TestServer server{answer};
  HttpClient client;
  EXPECT_EQ(client.perform({.url = server.url("/redirect")})->status, 302);
  EXPECT_EQ(client.perform({.url = server.url("/redirect"), .follow_redirects = true})->status, 201);
}

TEST(AsyncClient, RunsManyAtOnceAndDropsTheRest) {
  TestServer server{answer};
  constexpr int count = 50;
  std::promise<void> all;
  int answered = 0;
  std::unique_ptr<AsyncClient> client;
  server.thread.run_sync([&] {
    client = std::make_unique<AsyncClient>(server.thread.loop());
    for (int i = 0; i < count; ++i) {
      client->perform({.method = "PUT", .url = server.url("/p"), .body = std::to_string(i)},
                      [&, i](const Result<ClientResponse>& response) {
                        ASSERT_TRUE(response);
                        EXPECT_EQ(response->body, "PUT " + std::to_string(i));
                        if (++answered == count) all.set_value();
                      });
    }
  });
  all.get_future().wait();
  server.thread.run_sync([&] {
    client->perform({.url = server.url("/p")}, [](const Result<ClientResponse>&) { ADD_FAILURE(); });
    client.reset();
  });
}

// H12.
TEST(PublicAddress, RefusesSpecialPurposeRanges) {
  for (const char* address : {"127.0.0.1",
                              "0.0.0.0",
                              "10.1.2.3",
                              "172.16.0.1",
                              "172.31.255.255",
                              "192.168.1.1",
                              "169.254.169.254",
                              "100.64.0.1",
                              "224.0.0.1",
                              "255.255.255.255",
                              "198.18.0.1",
                              "::",
                              "::1",
                              "::ffff:127.0.0.1",
                              "::ffff:8.8.8.8",
                              "fd00::1",
                              "fe80::1",
                              "ff02::1",
                              "64:ff9b::7f00:1",
                              "2002:7f00:1::",
                              "2001:db8::1",
                              "2001::1",
                              "",
                              "localhost",
                              "2130706433"}) {
    EXPECT_FALSE(is_public_address(address)) << address;
  }
  for (const char* address :
       {"8.8.8.8", "172.32.0.1", "172.15.0.1", "100.128.0.1", "2606:4700::1111", "2a00:1450::1"}) {
    EXPECT_TRUE(is_public_address(address)) << address;
  }
}

// A mail server of one conversation; `reply` answers RCPT TO.
class MailServer {
 public:
  explicit MailServer(std::string reply) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(bind(fd_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(fd_, 1), 0);
    getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size);
    url = "smtp://127.0.0.1:" + std::to_string(ntohs(address.sin_port));
    thread_ = std::thread([this, answer_to_rcpt = std::move(reply)] { talk(answer_to_rcpt); });
  }
  std::string conversation() {
    if (thread_.joinable()) thread_.join();
    return heard_;
  }
  ~MailServer() {
    conversation();
    ::close(fd_);
  }
  std::string url;

 private:
  void talk(const std::string& reply) {
    const int peer = accept(fd_, nullptr, nullptr);
    const auto say = [&](const std::string& line) {
      ::send(peer, (line + "\r\n").data(), line.size() + 2, MSG_NOSIGNAL);
    };
    say("220 test");
    std::string line;
    bool data = false;
    for (char c = 0; recv(peer, &c, 1, 0) == 1;) {
      heard_ += c;
      line += c;
      if (c != '\n') continue;
      if (data) {
        if (line == ".\r\n") data = false, say("250 ok");
      } else if (line.starts_with("RCPT")) {
        say(reply);
      } else if (line.starts_with("DATA")) {
        data = true, say("354 go");
      } else {
        say(line.starts_with("QUIT") ? "221 bye" : "250 ok");
      }
      line.clear();
    }
    ::close(peer);
  }
  int fd_;
  std::string heard_;
  std::thread thread_;
};

TEST(SendMail, DeliversWithCrlfAndStuffedDots) {
  MailServer server{"250 ok"};
  const auto sent = send_mail({.url = server.url}, "from@example.org", {"a@example.org", "b@example.org"},
                              "Subject: x\n\n.dot\r\nend\n");
  EXPECT_TRUE(sent);
  const auto heard = server.conversation();
  EXPECT_NE(heard.find("MAIL FROM:<from@example.org>"), std::string::npos) << heard;
  EXPECT_NE(heard.find("RCPT TO:<b@example.org>"), std::string::npos);
  EXPECT_NE(heard.find("Subject: x\r\n\r\n..dot\r\nend\r\n"), std::string::npos);
}

TEST(SendMail, TellsTransientFromPermanent) {
  const auto code = [](const std::string& reply) {
    MailServer server{reply};
    return send_mail({.url = server.url}, "from@example.org", {"a@example.org"}, "text\n").error().code;
  };
  EXPECT_EQ(code("451 later"), Errc::unavailable);
  EXPECT_EQ(code("550 no such user"), Errc::invalid);
  EXPECT_EQ(send_mail({.url = "smtp://127.0.0.1:1"}, "a@b", {"c@d"}, "").error().code, Errc::unavailable);
  MailServer plain{"250 ok"};
  EXPECT_EQ(send_mail({.url = plain.url, .starttls = true}, "a@b", {"c@d"}, "").error().code, Errc::unavailable);
  EXPECT_EQ(send_mail({.url = "smtp://127.0.0.1:1"}, "a@b\r\nRCPT TO:<x@y>", {"c@d"}, "").error().code, Errc::invalid);
}

}  // namespace
}  // namespace tenantry::http::client_test
