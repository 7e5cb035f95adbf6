// An HTTP/1.1 server on one loop: reads requests, refuses what is malformed, too
// large or too slow (security.md H1 to H4), and writes answers in order.
//
// TLS and HTTP/2 belong to the proxy in front. One request per connection is
// handled at a time; pipelined ones wait, and what handlers answer at once is written
// together. Server is made, stopped and destroyed on the loop thread, or while the
// loop is not running. The Loop outlives the Server and every Exchange.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "shared/core/time.h"
#include "shared/http/message.h"
#include "shared/loop/loop.h"

namespace tenantry::http {

struct ServerOptions {
  std::string address = "127.0.0.1";
  std::uint16_t port = 0;                      // 0: any free one
  std::size_t connections_max = 10'000;        // further ones get 503
  std::size_t connections_of_one_max = 1'000;  // of one holder; 503, too
  std::size_t header_size_max = 16UL * 1024;   // without the request line: 431
  std::size_t fields_max = 100;                // 431
  std::size_t target_size_max = 8UL * 1024;    // 414
  std::size_t body_size_max = 1024UL * 1024;   // 413
  // Of all requests being read or handled: 10,000 slow bodies would be 10 GB otherwise. 503.
  std::size_t bodies_size_max = 256UL * 1024 * 1024;
  std::size_t bodies_size_of_one_max = 32UL * 1024 * 1024;
  // Answers made and not yet taken by their readers: who lets more lie is disconnected.
  std::size_t unread_size_max = 256UL * 1024 * 1024;
  std::size_t unread_size_of_one_max = 32UL * 1024 * 1024;
  // Absolute, so that a byte now and then buys no time.
  Milliseconds header_deadline{10'000};
  Milliseconds body_deadline{30'000};
  Milliseconds body_pause_max{5'000};            // between two pieces of a body
  Milliseconds idle_timeout{75'000};             // between requests
  Milliseconds write_timeout{30'000};            // for the reader to take what was given to the socket at once
  std::size_t stream_buffer_max = 256UL * 1024;  // unsent bytes at which write_chunk asks to pause

  // Whose share a connection (`head` is null) or a request counts in; "": nobody's, only the totals bind it, as where a
  // proxy brings everybody's. By default the address of the connection, of IPv6 its network (address_share).
  std::function<std::string(std::string_view peer, const Request* head)> holder_of{};
  // Asked when a header is there and its body is not: what refuses the request anyway answers before it is taken.
  std::function<std::optional<Response>(const Request& head, std::string_view peer)> refuse_unread{};
};

// The part of an address that one client has: of IPv6 the /64, of which a single machine may use any address.
std::string address_share(std::string_view address);

// One request and the way to answer it. Either respond() once, or start_stream(),
// write_chunk()s and finish(). Callable from any thread, one thread at a time; a
// gone client is no error. Dropped without an answer it answers 500.
class Exchange {
 public:
  struct Link;
  Exchange(Request request, std::shared_ptr<Link> link);
  ~Exchange();
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  const Request& request() const { return request_; }

  void respond(Response response);

  void start_stream(int status, Headers headers);
  // False: more than stream_buffer_max bytes wait (they are kept), so await on_writable; or the client is gone.
  bool write_chunk(std::string bytes);
  void finish();
  // Instead of finish(): the connection ends, so that nobody takes what came for the whole.
  void abort();
  bool connected() const;
  // Called once on the loop when less than half of the buffer waits, or the client is gone; at once if so already.
  void on_writable(std::function<void()> resume);

 private:
  Request request_;
  std::shared_ptr<Link> link_;
};

// On the loop thread; must not block.
using Handler = std::function<void(std::shared_ptr<Exchange>)>;

class Server {
 public:
  Server(loop::Loop& loop, ServerOptions options, Handler handler);
  ~Server();  // closes every connection
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Errc::unavailable with the system's reason when the address cannot be bound.
  Result<void> listen();
  std::uint16_t port() const;
  std::size_t connections() const;

  // Accepts no more, lets requests in flight finish, closes what is left after
  // `deadline`; then calls `stopped` on the loop.
  void stop(Milliseconds deadline, std::function<void()> stopped);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace tenantry::http
