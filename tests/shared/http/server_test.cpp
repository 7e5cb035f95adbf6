#include "shared/http/server.h"

#include <algorithm>
#include <thread>

#include "shared/http/request_parser.h"
#include "tests/shared/http/fixture.h"

namespace tenantry::http::server_test {
namespace {

std::string get(const std::string& more, const std::string& path = "/") {
  return "GET " + path + " HTTP/1.1\r\nHost: a\r\n" + more + "\r\n";
}
std::string post(const std::string& fields, const std::string& body) {
  return "POST /p HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n" + body;
}
std::string fields(int count) {
  std::string text;
  for (int i = 0; i < count; ++i) text += "X-" + std::to_string(i) + ": v\r\n";
  return text;
}

struct Row {
  const char* name;
  std::string request;
  int status;
  std::string contains{};
};
class ServerAnswers : public testing::TestWithParam<Row> {};

// The table of libraries.md section 4 with security.md H1, H3, H4 and W6: every row ends
// the connection, whether refused or because the client has ended its side.
TEST_P(ServerAnswers, WithTheStatus) {
  TestServer server{echo};
  const Socket socket{server.port};
  socket.send(GetParam().request);
  // A refusal closes by itself; a good request keeps the connection until the client ends.
  if (GetParam().status == 200) socket.end();
  const auto answer = socket.receive_all();
  EXPECT_EQ(status_in(answer), GetParam().status) << answer;
  EXPECT_NE(answer.find(GetParam().contains), std::string::npos) << answer;
  EXPECT_NE(answer.find("\r\nServer: tenantry\r\n"), std::string::npos);
  EXPECT_NE(answer.find("\r\nDate: "), std::string::npos);
  EXPECT_EQ(answer.find("HTTP/1.1 ", 1), std::string::npos) << "one answer only";
  if (GetParam().status != 200) {
    EXPECT_NE(answer.find("application/problem+json"), std::string::npos);
    EXPECT_NE(answer.find("Connection: close"), std::string::npos);
  }
}

// How many bytes come at once must not change what they mean.
TEST_P(ServerAnswers, TheSameHoweverItArrives) {
  const ServerOptions limits;
  const auto outcome = [&](std::size_t at_once) {
    RequestParser parser(limits);
    for (std::size_t at = 0; at < GetParam().request.size(); at += at_once) {
      parser.feed(std::string_view{GetParam().request}.substr(at, at_once));
      for (auto step = parser.next(); step != RequestParser::Step::more; step = parser.next()) {
        if (step == RequestParser::Step::refused) return std::to_string(parser.refusal().status);
        if (step != RequestParser::Step::request) continue;
        const auto request = parser.take();
        return std::string{to_string(request.method)} + " " + request.target + " " + request.body;
      }
    }
    return std::string{"more"};
  };
  const auto whole = outcome(GetParam().request.size());
  EXPECT_EQ(outcome(1), whole);
  EXPECT_EQ(outcome(7), whole);
  EXPECT_NE(whole, "more");
}

const std::string smuggled = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
const std::string chunked = "Transfer-Encoding: chunked\r\n";

INSTANTIATE_TEST_SUITE_P(
    H1H3H4, ServerAnswers,
    testing::Values(
        Row{"Get", get(""), 200, "GET / []"}, Row{"LeadingEmptyLine", "\r\n" + get(""), 200, "GET / []"},
        Row{"Post", post("Content-Length: 3\r\n", "abc"), 200, "POST /p [abc]"},
        Row{"LengthZero", post("Content-Length: 0\r\n", ""), 200, "POST /p []"},
        Row{"Trailer", post(chunked, "1\r\na\r\n0\r\nX-Tenant: b\r\n\r\n"), 200, "POST /p [a]"},
        Row{"Chunked", post(chunked, "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"), 200, "[abcde]"},
        Row{"NoChunks", post(chunked, "0\r\n\r\n"), 200, "POST /p []"},
        Row{"NoChunksAndTrailer", post(chunked, "0\r\nX: y\r\n\r\n"), 200, "POST /p []"},
        Row{"LongZero", post(chunked, "000;x=y\r\n\r\n"), 200, "POST /p []"},
        Row{"NoChunksTrailerRefused", post(chunked, "0\r\n5;a=b\r\nabc\r\n\r\n"), 400},
        Row{"ChunkExtension", post(chunked, "3;x=y\r\nabc\r\n0\r\n\r\n"), 200, "[abc]"},
        Row{"Http10WithHost", "GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n", 200, "Connection: close"},
        Row{"LengthAndChunked", post("Content-Length: 3\r\n" + chunked, "0\r\n\r\n" + smuggled), 400},
        Row{"ChunkedAndLength", post(chunked + "Content-Length: 3\r\n", "0\r\n\r\n" + smuggled), 400},
        Row{"TwoLengths", post("Content-Length: 3\r\nContent-Length: 4\r\n", "abcd"), 400},
        Row{"EqualLengths", post("Content-Length: 3\r\nContent-Length: 3\r\n", "abc"), 400},
        Row{"LengthList", post("Content-Length: 3, 3\r\n", "abc"), 400},
        Row{"LengthMinus", post("Content-Length: -1\r\n", ""), 400},
        Row{"LengthPlus", post("Content-Length: +3\r\n", "abc"), 400},
        Row{"LengthHuge", post("Content-Length: 18446744073709551616\r\n", ""), 400},
        Row{"BareLf", "GET / HTTP/1.1\nHost: a\n\n", 400},
        Row{"BareLfInField", "GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n", 400},
        Row{"NoHost", "GET / HTTP/1.1\r\n\r\n", 400}, Row{"TwoHosts", get("Host: b\r\n"), 400},
        Row{"EmptyHost", "GET / HTTP/1.1\r\nHost:\r\n\r\n", 400},
        Row{"HostWithPath", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400},
        Row{"CodingUnknown", post("Transfer-Encoding: xchunked\r\n", smuggled), 400},
        Row{"CodingList", post("Transfer-Encoding: chunked, identity\r\n", smuggled), 400},
        Row{"CodingTwice", post(chunked + chunked, "0\r\n\r\n"), 400},
        Row{"CodingInHttp10", "POST / HTTP/1.0\r\nHost: a\r\n" + chunked + "\r\n0\r\n\r\n", 400},
        Row{"SpaceBeforeColon", "GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400}, Row{"ObsFold", get("X: a\r\n b\r\n"), 400},
        Row{"NulInValue", get(std::string("X: a\0b\r\n", 8)), 400}, Row{"CrInValue", get("X: a\rb\r\n"), 400},
        Row{"EmptyName", get(": a\r\n"), 400}, Row{"LfChunkLine", post(chunked, "3\nabc\r\n0\r\n\r\n"), 400},
        // Others take the line feed for the end of the chunk's line, and what follows for its data.
        Row{"LfInChunkExtension", post(chunked, "3;x=\"\n\"\r\nabc\r\n0\r\n\r\n"), 400},
        Row{"LfInLastChunkExtension", post(chunked, "0;x=\"\n\"\r\n\r\n"), 400},
        Row{"LfInTrailer", post(chunked, "1\r\na\r\n0\r\nX: a\nb\r\n\r\n"), 400},
        Row{"ChunkOverflow", post(chunked, "10000000000000000\r\n"), 400},
        Row{"ChunkLineEndless", post(chunked, "3;" + std::string(40000, 'x')), 400},
        Row{"Http2", "GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505}, Row{"Garbage", "\x16\x03\x01\x02\r\n\r\n", 400},
        Row{"Fields100", get(fields(99)), 200}, Row{"Fields101", get(fields(100)), 431},
        Row{"Header16KiB", get("X: " + std::string(17000, 'x') + "\r\n"), 431},
        Row{"HeaderEndless", "GET / HTTP/1.1\r\nX: " + std::string(17000, 'x'), 431},
        Row{"Target8KiB", get("", "/" + std::string(8191, 'a')), 200},
        Row{"TargetLonger", get("", "/" + std::string(8192, 'a')), 414},
        Row{"TargetEndless", "GET /" + std::string(9000, 'a'), 414},
        Row{"BodyTooLarge", post("Content-Length: 1048577\r\n", ""), 413},
        Row{"ChunkLineEndsInQuotes", post(chunked, "77737;x=\"a\r\nbcdefghijkl"), 400},
        Row{"ChunkedTooLarge", post(chunked, "100001\r\n"), 413},
        Row{"Gzip", post("Content-Encoding: gzip\r\nContent-Length: 3\r\n", "abc"), 415},
        Row{"Trace", "TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", 405, "Allow: GET"},
        Row{"Connect", "CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n", 405, "Allow: GET"},
        Row{"UnknownMethod", "BREW / HTTP/1.1\r\nHost: a\r\n\r\n", 501},
        Row{"AbsoluteTarget", get("", "http://a/"), 400}, Row{"DotSegments", get("", "/a/%2e%2e/b"), 400},
        Row{"EncodedSlash", get("", "/a%2Fb"), 400}, Row{"OtherExpectation", get("Expect: miracles\r\n"), 417}),
    [](const auto& row) { return row.param.name; });

TEST(Server, AnswersPipelinedRequestsInOrderAndHoldsBackTheNext) {
  // The first is answered late, from another thread.
  TestServer server{[](const std::shared_ptr<Exchange>& exchange) {
    if (exchange->request().path != "/1") return echo(exchange);
    std::thread([exchange] { echo(exchange); }).detach();
  }};
  const Socket socket{server.port};
  std::string all;
  for (int i = 1; i <= 50; ++i) all += get("", "/" + std::to_string(i));
  socket.send(all);
  socket.end();
  const auto answers = socket.receive_all();
  std::size_t at = 0;
  for (int i = 1; i <= 50; ++i) {
    at = answers.find("GET /" + std::to_string(i) + " []", at);
    ASSERT_NE(at, std::string::npos) << i;
  }
}

// What handlers answer at once goes out together, and all of it.
TEST(Server, AnswersThousandsOfPipelinedRequestsInOrder) {
  TestServer server{echo};
  const Socket socket{server.port};
  std::string all;
  for (int i = 1; i <= 5'000; ++i) all += get("", "/" + std::to_string(i));
  std::thread writer([&] {
    socket.send(all);
    socket.end();
  });
  const auto answers = socket.receive_all();
  writer.join();
  std::size_t at = 0;
  for (int i = 1; i <= 5'000; ++i) {
    at = answers.find("GET /" + std::to_string(i) + " []", at);
    ASSERT_NE(at, std::string::npos) << i;
  }
}

// A client that sends and does not read: no request is begun while answers wait to be taken.
TEST(Server, HoldsBackPipelinedRequestsOfAClientThatDoesNotRead) {
  std::atomic<int> handled{0};
  TestServer server{[&](const std::shared_ptr<Exchange>& exchange) {
    ++handled;
    exchange->respond({.body = std::string(1024UL * 1024, 'x')});
  }};
  const Socket socket{server.port};
  std::string all;
  for (int i = 0; i < 60; ++i) all += get("");
  socket.send(all);
  std::string seen = socket.receive();
  server.thread.run_sync([] {});
  EXPECT_LT(handled.load(), 40);
  socket.end();
  seen += socket.receive_all();
  EXPECT_EQ(handled.load(), 60);
  EXPECT_GT(seen.size(), 60UL * 1024 * 1024);
}

TEST(Server, RefusesAfterWhatCameBeforeInOneRead) {
  TestServer server{echo};
  const Socket socket{server.port};
  socket.send(get("", "/1") + get("", "/2") + "BREW / HTTP/1.1\r\nHost: a\r\n\r\n" + get("", "/3"));
  const auto answers = socket.receive_all();
  const auto first = answers.find("GET /1 []");
  const auto second = answers.find("GET /2 []");
  const auto refused = answers.find("HTTP/1.1 501 ");
  EXPECT_LT(first, second);
  EXPECT_LT(second, refused);
  EXPECT_NE(refused, std::string::npos);
  EXPECT_EQ(answers.find("/3"), std::string::npos);
}

// 10,000 connections may each be sending a mebibyte.
TEST(Server, HoldsOnlySoManyBytesOfBodies) {
  TestServer server{echo, {.bodies_size_max = 110'000}};
  const Socket first{server.port};
  first.send(post("Content-Length: 90000\r\nExpect: 100-continue\r\n", ""));
  first.receive_until("\r\n\r\n");
  first.send(std::string(80'000, 'a'));
  const Socket second{server.port};
  second.send(post("Content-Length: 90000\r\n", std::string(90'000, 'b')));
  const auto refused = second.receive_all();
  EXPECT_EQ(status_in(refused), 503);
  EXPECT_NE(refused.find("Retry-After: 1"), std::string::npos);
  first.send(std::string(10'000, 'a'));
  EXPECT_EQ(status_in(first.receive_until("]")), 200);
  const Socket third{server.port};
  third.send(post("Content-Length: 90000\r\n", std::string(90'000, 'c')));
  EXPECT_EQ(status_in(third.receive_until("]")), 200);
}

// As behind a proxy: the connection is nobody's, its requests say whose they are.
std::string holder_in_header(std::string_view, const Request* head) {
  return head == nullptr ? "" : std::string(head->headers.get("X-Who").value_or("nobody"));
}

TEST(Server, OneHoldersBodiesLeaveRoomForOthers) {
  TestServer server{echo, {.bodies_size_of_one_max = 50'000, .holder_of = holder_in_header}};
  const Socket greedy{server.port};
  greedy.send(post("X-Who: a\r\nContent-Length: 49000\r\nExpect: 100-continue\r\n", ""));
  greedy.receive_until("\r\n\r\n");
  greedy.send(std::string(40'000, 'a'));
  const Socket again{server.port};
  again.send(post("X-Who: a\r\nContent-Length: 20000\r\n", std::string(20'000, 'a')));
  EXPECT_EQ(status_in(again.receive_all()), 503);
  const Socket other{server.port};
  other.send(post("X-Who: b\r\nContent-Length: 20000\r\n", std::string(20'000, 'b')));
  EXPECT_EQ(status_in(other.receive_until("]")), 200);
  greedy.send(std::string(9'000, 'a'));
  EXPECT_EQ(status_in(greedy.receive_until("]")), 200);
}

TEST(Server, OneAddressLeavesConnectionsToOthers) {
  std::string whose = "a";
  TestServer server{
      echo, {.connections_of_one_max = 2, .holder_of = [&](std::string_view, const Request*) { return whose; }}};
  const auto answer_of = [](const Socket& socket) {
    socket.send(get("Connection: close\r\n"));
    return status_in(socket.receive_all());
  };
  const Socket stays{server.port};
  {
    const Socket leaves{server.port}, third{server.port};
    EXPECT_EQ(status_in(third.receive_all()), 503);
    server.thread.run_sync([&] { whose = "b"; });
    EXPECT_EQ(answer_of(Socket{server.port}), 200);
    EXPECT_EQ(answer_of(leaves), 200);
  }
  for (std::size_t open = 4; open > 1;) {
    server.thread.run_sync([&] { open = server.server->connections(); });
  }
  server.thread.run_sync([&] { whose = "a"; });
  EXPECT_EQ(answer_of(Socket{server.port}), 200) << "in the place of the one that left";
}

TEST(Server, ABodyThatPausesIsNotWaitedFor) {
  TestServer server{echo, {.body_deadline = Milliseconds{60'000}, .body_pause_max = Milliseconds{50}}};
  const Socket socket{server.port};
  socket.send(post("Content-Length: 100\r\n", std::string(60, 'a')));
  EXPECT_EQ(status_in(socket.receive_all()), 408);
}

TEST(Server, WhatIsRefusedAnywayIsAnsweredBeforeItsBody) {
  TestServer server{echo, {.refuse_unread = [](const Request& head, std::string_view) -> std::optional<Response> {
                      if (head.path == "/p") return Response{.status = 404};
                      return std::nullopt;
                    }}};
  const Socket socket{server.port};
  socket.send(post("Content-Length: 1000000\r\nExpect: 100-continue\r\n", ""));
  const auto answer = socket.receive_all();
  EXPECT_EQ(status_in(answer), 404) << answer;
  EXPECT_NE(answer.find("Connection: close"), std::string::npos);
}

TEST(Server, WhoLetsAnswersLieIsDisconnected) {
  constexpr std::size_t size = 64UL * 1024 * 1024;  // more than any socket holds
  TestServer server{
      [](const std::shared_ptr<Exchange>& exchange) { exchange->respond({.body = std::string(size, 'x')}); },
      {.unread_size_of_one_max = 1024UL * 1024}};
  const Socket socket{server.port};
  socket.send(get(""));
  EXPECT_LT(socket.receive_all().size(), size);
}

TEST(AddressShare, IsTheNetworkOfIpv6AndTheAddressOfIpv4) {
  EXPECT_EQ(address_share("192.0.2.7"), "192.0.2.7");
  EXPECT_EQ(address_share("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64");
  EXPECT_EQ(address_share("2001:db8:1:2::9"), address_share("2001:db8:1:2:ffff::1"));
  EXPECT_EQ(address_share("::ffff:192.0.2.7"), "192.0.2.7");
  EXPECT_EQ(address_share("fe80::1%eth0"), address_share("fe80::2%eth1"));
}

TEST(Server, ARefusedHeadHasNoBody) {
  TestServer server{echo};
  const Socket socket{server.port};
  socket.send("HEAD /a%2fb HTTP/1.1\r\nHost: a\r\n\r\n");
  const auto answer = socket.receive_all();
  EXPECT_EQ(status_in(answer), 400);
  EXPECT_TRUE(answer.ends_with("\r\n\r\n")) << answer;
}

TEST(Server, ReadsRequestsSplitAtAnyByte) {
  TestServer server{echo};
  const auto request = post(chunked, "3\r\nabc\r\n0\r\n\r\n");
  for (std::size_t i = 1; i < request.size(); ++i) {
    const Socket socket{server.port};
    socket.send(request.substr(0, i));
    server.thread.run_sync([] {});
    socket.send(request.substr(i));
    EXPECT_NE(socket.receive_until("]").find("POST /p [abc]"), std::string::npos) << i;
  }
}

TEST(Server, KeepsTheConnectionAndOmitsTheBodyOfHead) {
  TestServer server{echo};
  const Socket socket{server.port};
  socket.send("HEAD /h HTTP/1.1\r\nHost: a\r\n\r\n");
  const auto head = socket.receive_until("\r\n\r\n");
  EXPECT_NE(head.find("Content-Length: 10\r\n"), std::string::npos);
  EXPECT_TRUE(head.ends_with("\r\n\r\n"));
  socket.send(get("Connection: close\r\n", "/again"));
  EXPECT_NE(socket.receive_all().find("GET /again []"), std::string::npos);
}

TEST(Server, Continues) {
  TestServer server{echo};
  const Socket socket{server.port};
  socket.send(post("Expect: 100-continue\r\nContent-Length: 3\r\n", ""));
  EXPECT_EQ(socket.receive_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  socket.send("abc");
  EXPECT_NE(socket.receive_until("]").find("[abc]"), std::string::npos);
}

// H2: the deadline does not move with a byte now and then.
TEST(Server, ClosesSlowHeadersAndBodiesAtAnAbsoluteDeadline) {
  TestServer server{
      echo,
      {.header_deadline = Milliseconds{100}, .body_deadline = Milliseconds{100}, .idle_timeout = Milliseconds{100}}};
  for (const auto& start : {std::string("GET / HT"), post("Content-Length: 30000\r\n", "a")}) {
    const Socket socket{server.port};
    socket.send(start);
    std::atomic<bool> done{false};
    std::thread drip([&] {
      while (!done) {
        socket.send("x");
        std::this_thread::sleep_for(Milliseconds{20});
      }
    });
    EXPECT_EQ(status_in(socket.receive_until("}")), 408) << start;
    done = true;
    drip.join();
  }
  EXPECT_EQ(Socket{server.port}.receive(), "");
  const Socket idle{server.port};
  idle.send(get(""));
  EXPECT_EQ(status_in(idle.receive_all()), 200);
}

TEST(Server, TurnsAwayMoreConnectionsThanItHas) {
  TestServer server{echo, {.connections_max = 1}};
  const Socket first{server.port};
  first.send(get(""));
  EXPECT_EQ(status_in(first.receive_until("]")), 200);
  EXPECT_EQ(status_in(Socket{server.port}.receive_all()), 503);
}

TEST(Server, AnswersAnExchangeThatWasDropped) {
  TestServer server{[](const std::shared_ptr<Exchange>&) {}};
  const Socket socket{server.port};
  socket.send(get(""));
  EXPECT_EQ(status_in(socket.receive_until("}")), 500);
}

TEST(Server, KeepsControlCharactersOutOfTheHeader) {
  TestServer server{[](const std::shared_ptr<Exchange>& exchange) {
    exchange->respond({.status = 204, .headers = {{"X-Name", "a\r\nSet-Cookie: b"}}});
  }};
  const Socket socket{server.port};
  socket.send(get("Connection: close\r\n"));
  const auto answer = socket.receive_all();
  EXPECT_NE(answer.find("X-Name: a  Set-Cookie: b\r\n"), std::string::npos);
  EXPECT_EQ(answer.find("Content-Length"), std::string::npos);
}

TEST(Server, StreamsWithBackpressure) {
  std::promise<std::size_t> paused_at;
  std::thread producer;
  TestServer server{[&](const std::shared_ptr<Exchange>& exchange) {
                      producer = std::thread([&, exchange] {
                        exchange->start_stream(200, {{"Content-Type", "application/x-ndjson"}});
                        std::size_t sent = 0;
                        bool first_pause = true;
                        while (sent < 8UL * 1024 * 1024) {
                          sent += 1000;
                          if (exchange->write_chunk(std::string(1000, 'x'))) continue;
                          if (std::exchange(first_pause, false)) paused_at.set_value(sent);
                          std::promise<void> writable;
                          exchange->on_writable([&] { writable.set_value(); });
                          writable.get_future().wait();
                        }
                        exchange->finish();
                      });
                    },
                    {.stream_buffer_max = 64UL * 1024}};
  const Socket socket{server.port};
  socket.send(get(""));
  EXPECT_LT(paused_at.get_future().get(), 8UL * 1024 * 1024);  // nobody reads yet
  const auto answer = socket.receive_until("\r\n0\r\n\r\n");
  producer.join();
  EXPECT_NE(answer.find("Transfer-Encoding: chunked"), std::string::npos);
  EXPECT_GT(static_cast<std::size_t>(std::ranges::count(answer, 'x')), 8UL * 1024 * 1024);
}

TEST(Server, TellsAStreamThatTheClientIsGone) {
  std::promise<void> gone;
  std::thread producer;
  TestServer server{[&](const std::shared_ptr<Exchange>& exchange) {
    producer = std::thread([&, exchange] {
      exchange->start_stream(200, {});
      while (exchange->connected()) {
        if (exchange->write_chunk(std::string(10000, 'x'))) continue;
        std::promise<void> writable;
        exchange->on_writable([&] { writable.set_value(); });
        writable.get_future().wait();
      }
      gone.set_value();
    });
  }};
  {
    const Socket socket{server.port};
    socket.send(get(""));
    socket.receive();
  }
  gone.get_future().wait();
  producer.join();
}

TEST(Server, StopFinishesWhatIsInFlight) {
  std::promise<std::shared_ptr<Exchange>> arrived;
  TestServer server{[&](const std::shared_ptr<Exchange>& exchange) { arrived.set_value(exchange); }};
  const Socket idle{server.port};
  const Socket busy{server.port};
  busy.send(get(""));
  const auto exchange = arrived.get_future().get();
  std::promise<void> stopped;
  server.thread.run_sync([&] { server.server->stop(Milliseconds{10'000}, [&] { stopped.set_value(); }); });
  EXPECT_EQ(idle.receive(), "");
  exchange->respond({.body = "done"});
  const auto answer = busy.receive_all();
  EXPECT_NE(answer.find("Connection: close"), std::string::npos);
  EXPECT_TRUE(answer.ends_with("done"));
  busy.end();
  stopped.get_future().wait();
}

TEST(Server, StopClosesWhatIsLateAndTheExchangeOutlivesIt) {
  std::promise<std::shared_ptr<Exchange>> arrived;
  TestServer server{[&](const std::shared_ptr<Exchange>& exchange) { arrived.set_value(exchange); }};
  const Socket busy{server.port};
  busy.send(get(""));
  const auto exchange = arrived.get_future().get();
  std::promise<void> stopped;
  server.thread.run_sync([&] { server.server->stop(Milliseconds{50}, [&] { stopped.set_value(); }); });
  stopped.get_future().wait();
  EXPECT_EQ(busy.receive(), "");
  EXPECT_FALSE(exchange->connected());
  exchange->respond({});
}

TEST(Server, ReportsAnAddressInUse) {
  TestServer server{echo};
  loop::Loop loop;
  Server second{loop, {.port = server.port}, echo};
  const auto result = second.listen();
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().reason, "address_in_use");
}

}  // namespace
}  // namespace tenantry::http::server_test
