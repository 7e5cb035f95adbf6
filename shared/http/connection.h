// Connection: one client's socket from accept to close: reads requests, hands them to
// the handler one at a time, writes the answers in order, and keeps the deadlines.
// Private to shared/http; loop thread only.
#pragma once

#include <uv.h>

#include <array>
#include <atomic>
#include <ctime>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_set>

#include "shared/core/budget.h"
#include "shared/http/request_parser.h"
#include "shared/http/server.h"

namespace tenantry::http {

class Connection;

// What an Exchange shares with its connection, across threads.
struct Exchange::Link {
  loop::Loop& loop;
  std::weak_ptr<Connection> connection;  // locked on the loop only
  std::size_t buffer_max;
  std::atomic<bool> answered{false};
  std::atomic<bool> connected{true};
  std::atomic<std::size_t> waiting{0};  // bytes handed in and not yet sent
  std::function<void()> resume{};       // loop only

  Link(loop::Loop& on, std::weak_ptr<Connection> to, std::size_t max)
      : loop(on), connection(std::move(to)), buffer_max(max) {}

  void resume_if_writable();
};

// What connections need of their server.
struct Host {
  static constexpr std::size_t read_size = 64UL * 1024;

  loop::Loop& loop;
  const ServerOptions options;
  const Handler handler;
  std::array<char, read_size> read_buffer{};  // one for all: libuv fills it and calls back at once
  std::unordered_set<Connection*> connections{};
  // An eighth of each is for who has nothing yet.
  Budget places;  // of connections
  Budget bodies;  // bytes of requests that are being read or handled
  Budget unread;  // bytes of answers that are not yet taken

  Host(loop::Loop& on, ServerOptions with, Handler to)
      : loop(on),
        options(std::move(with)),
        handler(std::move(to)),
        places({options.connections_max, options.connections_of_one_max, options.connections_max / 8}),
        bodies({options.bodies_size_max, options.bodies_size_of_one_max, options.bodies_size_max / 8}),
        unread({options.unread_size_max, options.unread_size_of_one_max, options.unread_size_max / 8}) {}
  virtual ~Host() = default;
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;
  virtual void removed(Connection* connection) = 0;

  std::string_view date_now();
  std::string holder_of(std::string_view peer, const Request* head) const {
    return options.holder_of ? options.holder_of(peer, head) : address_share(peer);
  }

 private:
  std::time_t date_of_ = 0;
  std::string date_{};
};

// It owns itself from start() or abandon() until libuv has closed its handle.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  explicit Connection(std::shared_ptr<Host> host);

  uv_stream_t* stream() { return reinterpret_cast<uv_stream_t*>(&tcp_); }

  // Once, with what was accepted: reads, or answers 503 where no place is left.
  void start();
  void abandon();  // instead: nothing was accepted

  void close();
  void drain();  // the server is stopping: nothing new is read; what is being handled is answered

  // The answer to the request at hand; without one, nothing happens.
  void respond(const Response& response);
  void start_stream(int status, const Headers& headers);
  void write_chunk(std::string_view bytes);
  void finish_stream();

 private:
  enum class Phase { idle, header, body, handling, lingering, closed };
  struct Write;

  void set_deadline(Milliseconds after);
  void clear_deadline();
  void arm(Milliseconds after);
  void timed_out();

  void read();
  void stop_reading();
  void on_read(ssize_t count, const char* bytes);
  void process();
  bool step();
  bool await_body();
  bool hold_body();
  bool handle();
  void know_holder();
  Milliseconds body_time() const;
  bool refuse(const Refusal& refusal);
  bool refuse(Response response);

  void begin_answer(int status, const Headers& headers);
  void answer_complete();
  void flush();
  void wrote(const Write& write, int status);
  void end_request();
  void answer_written();
  void linger();
  void release_body();
  std::string read_peer();

  std::shared_ptr<Host> host_;
  const ServerOptions& options_;
  uv_tcp_t tcp_{};
  // One timer, armed no later than the deadline: most deadlines move before they come, and moving a number is cheap.
  loop::Timer timer_;
  Milliseconds deadline_ = Milliseconds::max();
  Milliseconds armed_for_ = Milliseconds::max();
  Milliseconds body_until_{0};  // when a body has to be whole
  std::shared_ptr<Connection> self_{};
  Phase phase_ = Phase::header;
  std::string peer_{};
  RequestParser parser_;
  std::shared_ptr<Exchange::Link> link_{};  // of the request at hand
  std::string place_holder_{};              // who has its place in Host::places
  bool has_place_ = false;
  std::string holder_{};          // of the request at hand
  std::size_t body_held_ = 0;     // what it holds of Host::bodies
  std::string out_{};             // answers not yet given to the socket
  std::size_t out_streamed_ = 0;  // bytes of write_chunk in there
  std::size_t writes_ = 0;        // in libuv's queue
  bool reading_ = false;
  bool processing_ = false;
  bool eof_ = false;
  bool draining_ = false;
  bool is_head_ = false;
  bool close_is_end_ = false;  // HTTP/1.0 knows no chunks
  bool chunked_ = false;
  bool answered_ = false;  // the whole answer is in out_ or in the writes
  bool close_after_ = false;
};

}  // namespace tenantry::http
