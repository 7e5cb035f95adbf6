#include "shared/http/server.h"

#include <uv.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <ctime>
#include <mutex>
#include <optional>
#include <unordered_set>

#include "shared/core/assert.h"
#include "shared/http/problem.h"

namespace tenantry::http {
namespace {

namespace beast = boost::beast::http;

constexpr std::size_t read_size = 64UL * 1024;
constexpr std::size_t unread_max = 64UL * 1024;  // pipelined bytes kept while a request is handled
constexpr Milliseconds linger_timeout{2'000};    // a refused client may still be sending: let it read the answer
constexpr int backlog = 1024;
constexpr std::string_view methods_served = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";

// RFC 9110 section 5.6.7: "Sun, 06 Nov 1994 08:49:37 GMT".
std::string http_date(std::time_t now) {
  std::tm parts{};
  gmtime_r(&now, &parts);
  std::array<char, 32> text{};
  const auto size = std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
  return {text.data(), size};
}

Method to_method(beast::verb verb) {
  switch (verb) {
    case beast::verb::get:
      return Method::get;
    case beast::verb::head:
      return Method::head;
    case beast::verb::post:
      return Method::post;
    case beast::verb::put:
      return Method::put;
    case beast::verb::patch:
      return Method::patch;
    case beast::verb::delete_:
      return Method::delete_;
    case beast::verb::options:
      return Method::options;
    default:
      return Method::other;
  }
}

struct Refusal {
  int status;
  std::string_view code;
  std::string_view detail;
};

Refusal refusal_of(const boost::system::error_code& failure) {
  if (failure == beast::error::body_limit) return {413, "too_large", "The body is too large."};
  if (failure == beast::error::header_limit) return {431, "header_too_large", "The header is too large."};
  if (failure == beast::error::bad_version) return {505, "version_not_supported", "This server speaks HTTP/1.1."};
  return {400, "malformed_request", "This is not a well-formed HTTP request."};
}

bool is_digits(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

bool is_host(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           std::string_view{".-_:[]"}.find(c) != std::string_view::npos;
  });
}

// What Beast lets pass and a proxy in front may read differently (request smuggling).
std::optional<Refusal> check_header(const Request& request, const ServerOptions& options) {
  const auto& headers = request.headers;
  constexpr std::string_view malformed = "malformed_request";
  if (headers.count("Host") != 1 || !is_host(*headers.get("Host")))
    return Refusal{400, malformed, "A request names one Host."};
  if (const auto codings = headers.count("Transfer-Encoding"); codings > 0) {
    if (codings > 1 || request.version == 10 || !equal_without_case(*headers.get("Transfer-Encoding"), "chunked")) {
      return Refusal{400, malformed, "The only transfer encoding is one chunked."};
    }
    if (headers.count("Content-Length") > 0) return Refusal{400, malformed, "A body has one length."};
  }
  if (const auto length = headers.get("Content-Length");
      length && (headers.count("Content-Length") > 1 || !is_digits(*length))) {
    return Refusal{400, malformed, "A body has one length."};
  }
  if (request.target.size() > options.target_size_max) return Refusal{414, "uri_too_long", "The target is too long."};
  if (const auto coding = headers.get("Content-Encoding"); coding && !equal_without_case(*coding, "identity")) {
    return Refusal{415, "unsupported_media_type", "Bodies are sent without a content encoding."};
  }
  if (const auto expect = headers.get("Expect"); expect && !equal_without_case(*expect, "100-continue")) {
    return Refusal{417, "expectation_failed", "The only expectation is 100-continue."};
  }
  return {};
}

// A control character in a value would start a field of its own.
void append_field(std::string& text, std::string_view name, std::string_view value) {
  text.append(name).append(": ");
  for (const char c : value) text += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c;
  text.append("\r\n");
}

}  // namespace

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

  void resume_if_writable() {
    if (!resume || (connected && waiting > buffer_max / 2)) return;
    const auto run = std::move(resume);
    resume = nullptr;
    run();
  }
  template <class Task>
  void on_loop(Task task) {
    if (loop.on_loop_thread()) return task();
    loop.post(std::move(task));
  }
};

// What connections need of their server.
struct Host {
  loop::Loop& loop;
  ServerOptions options;
  Handler handler;
  std::array<char, read_size> read_buffer{};  // one for all: libuv fills it and calls back at once
  std::unordered_set<Connection*> connections{};
  std::time_t date_of = 0;
  std::string date{};

  Host(loop::Loop& on, ServerOptions with, Handler to) : loop(on), options(std::move(with)), handler(std::move(to)) {}
  virtual ~Host() = default;
  virtual void removed(Connection* connection) = 0;

  const std::string& date_now() {
    if (const auto now = std::time(nullptr); now != date_of) {
      date_of = now;
      date = http_date(now);
    }
    return date;
  }
};

// One connection; loop thread only. It owns itself until libuv has closed its handle.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  explicit Connection(std::shared_ptr<Host> host)
      : host_(std::move(host)), options_(host_->options), timer_(host_->loop) {
    uv_tcp_init(host_->loop.native(), &tcp_);
    tcp_.data = this;
  }

  uv_stream_t* stream() { return reinterpret_cast<uv_stream_t*>(&tcp_); }

  void start() {
    self_ = shared_from_this();
    uv_tcp_nodelay(&tcp_, 1);
    peer_ = read_peer();
    set_deadline(options_.header_deadline);
    read();
  }

  void turn_away() {
    self_ = shared_from_this();
    phase_ = Phase::handling;
    refuse({503, "unavailable", "The server has no connection to spare."});
  }

  void abandon() {
    self_ = shared_from_this();
    close();
  }

  void close() {
    if (phase_ == Phase::closed) return;
    phase_ = Phase::closed;
    timer_.stop();
    uv_close(reinterpret_cast<uv_handle_t*>(&tcp_), [](uv_handle_t* handle) {
      auto* const connection = static_cast<Connection*>(handle->data);
      const auto last = std::move(connection->self_);
      connection->host_->removed(connection);
    });
    if (const auto link = std::exchange(link_, nullptr)) {
      link->connected = false;
      link->resume_if_writable();
    }
  }

  // The server is stopping: nothing new is read; what is being handled is answered.
  void drain() {
    draining_ = true;
    if (phase_ == Phase::idle || (phase_ == Phase::header && input_.empty())) close();
  }

  void respond(Response response) {
    if (phase_ != Phase::handling) return;
    const bool no_body = response.status == 204 || response.status == 304 || response.status < 200;
    close_after_ = close_after_ || response.close || draining_;
    std::string text = head(response.status, response.headers);
    if (!no_body) append_field(text, "Content-Length", std::to_string(response.body.size()));
    text += "\r\n";
    if (!no_body && !is_head_) text += response.body;
    answered_ = true;
    send(std::move(text), 0);
  }

  void start_stream(int status, const Headers& headers) {
    if (phase_ != Phase::handling) return;
    chunked_ = !close_is_end_;
    close_after_ = close_after_ || draining_ || close_is_end_;
    std::string text = head(status, headers);
    if (chunked_) append_field(text, "Transfer-Encoding", "chunked");
    text += "\r\n";
    send(std::move(text), 0);
  }

  void write_chunk(std::string bytes) {
    const auto size = bytes.size();
    if (phase_ != Phase::handling || is_head_) return sent(size);
    if (chunked_) {
      std::array<char, 20> line{};
      const int length = std::snprintf(line.data(), line.size(), "%zx\r\n", size);
      bytes.insert(0, line.data(), static_cast<std::size_t>(length));
      bytes += "\r\n";
    }
    send(std::move(bytes), size);
  }

  void finish_stream() {
    if (phase_ != Phase::handling) return;
    answered_ = true;
    if (chunked_ && !is_head_) return send("0\r\n\r\n", 0);
    answer_written();
  }

 private:
  enum class Phase { idle, header, body, handling, lingering, closed };
  using Parser = beast::request_parser<beast::string_body>;

  struct Write {
    uv_write_t request{};
    std::string data;
    std::size_t size;  // as the Exchange counts it
    std::shared_ptr<Connection> connection;
  };

  void set_deadline(Milliseconds after) {
    timer_.start(after, [this] { timed_out(); });
  }

  void timed_out() {
    if (phase_ == Phase::body || (phase_ == Phase::header && !input_.empty())) {
      refuse({408, "request_timeout", "The request took too long to arrive."});
      return;
    }
    close();
  }

  void read() {
    if (reading_ || eof_ || phase_ == Phase::closed) return;
    const int failed = uv_read_start(
        stream(),
        [](uv_handle_t* handle, std::size_t, uv_buf_t* buffer) {
          auto& shared = static_cast<Connection*>(handle->data)->host_->read_buffer;
          *buffer = uv_buf_init(shared.data(), static_cast<unsigned>(shared.size()));
        },
        [](uv_stream_t* handle, ssize_t count, const uv_buf_t* buffer) {
          const auto connection = static_cast<Connection*>(handle->data)->shared_from_this();
          connection->on_read(count, buffer->base);
        });
    if (failed != 0) return close();
    reading_ = true;
  }

  void stop_reading() {
    if (reading_) uv_read_stop(stream());
    reading_ = false;
  }

  void on_read(ssize_t count, const char* bytes) {
    if (count == 0) return;
    if (count < 0) {
      // A client that has shut its side down may still read the answer.
      if (count != UV_EOF || phase_ != Phase::handling) return close();
      eof_ = true;
      return stop_reading();
    }
    if (phase_ == Phase::lingering) return;
    input_.append(bytes, static_cast<std::size_t>(count));
    process();
  }

  // Goes on with what has been read until more is needed or a handler has it.
  void process() {
    if (processing_) return;  // an answer given inside the handler: the loop below goes on
    processing_ = true;
    while (step()) {
    }
    processing_ = false;
    if (phase_ == Phase::handling) {
      if (input_.size() > unread_max) stop_reading();
    } else if (eof_ && phase_ != Phase::lingering) {
      close();  // no more comes, and what came is no whole request
    }
  }

  bool step() {
    switch (phase_) {
      case Phase::idle:
        if (input_.empty()) return false;
        phase_ = Phase::header;
        set_deadline(options_.header_deadline);
        return true;
      case Phase::header:
        return step_header();
      case Phase::body:
        return step_body();
      case Phase::handling:
      case Phase::lingering:
      case Phase::closed:
        return false;
    }
    return false;
  }

  // Finds the end of the header, line by line, and hands the whole of it to Beast.
  bool step_header() {
    if (line_start_ == 0 && input_.starts_with("\r\n")) input_.erase(0, 2);  // RFC 9112 section 2.2
    for (;;) {
      const auto newline = input_.find('\n', std::max(line_start_, scanned_));
      scanned_ = input_.size();
      const bool in_request_line = line_start_ == 0;
      const auto read_to = newline == std::string::npos ? input_.size() : newline;
      if (in_request_line) {
        constexpr std::size_t around_target = 32;  // method, version and spaces
        if (read_to > options_.target_size_max + around_target)
          return refuse({414, "uri_too_long", "The target is too long."});
      } else if (read_to - fields_start_ > options_.header_size_max) {
        return refuse({431, "header_too_large", "The header is too large."});
      }
      if (newline == std::string::npos) return false;
      if (newline == 0 || input_[newline - 1] != '\r') return refuse(refusal_of({}));

      const auto line = std::string_view{input_}.substr(line_start_, newline - 1 - line_start_);
      line_start_ = newline + 1;
      scanned_ = line_start_;
      if (in_request_line) {
        fields_start_ = line_start_;
        continue;
      }
      if (line.empty()) break;
      if (line[0] == ' ' || line[0] == '\t') return refuse(refusal_of({}));  // obs-fold
      if (++field_count_ > options_.fields_max)
        return refuse({431, "too_many_fields", "The header has too many fields."});
    }
    return begin_request(line_start_);
  }

  bool begin_request(std::size_t header_size) {
    parser_.emplace();
    parser_->header_limit(static_cast<std::uint32_t>(header_size + 1));
    parser_->body_limit(options_.body_size_max);
    boost::system::error_code failure;
    const auto consumed = parser_->put(boost::asio::const_buffer{input_.data(), header_size}, failure);
    if (!parser_->is_header_done() && !failure) failure = beast::error::partial_message;
    const bool body_too_large = failure == beast::error::body_limit;
    if (failure && !body_too_large) return refuse(refusal_of(failure));

    const auto& message = parser_->get();
    request_ = {};
    request_.method = to_method(message.method());
    request_.target = std::string{message.target()};
    request_.version = static_cast<int>(message.version());
    request_.peer_address = peer_;
    for (const auto& field : message)
      request_.headers.add(std::string{field.name_string()}, std::string{field.value()});
    is_head_ = request_.method == Method::head;

    if (const auto refusal = check_header(request_, options_)) return refuse(*refusal);
    if (body_too_large) return refuse(refusal_of(failure));
    if (message.method() == beast::verb::trace || message.method() == beast::verb::connect) {
      return refuse({405, "method_not_allowed", "This method is not served."}, methods_served);
    }
    if (request_.method == Method::other) return refuse({501, "not_implemented", "This method is unknown."});
    if (request_.method == Method::options && request_.target == "*") {
      request_.path = "*";
    } else {
      auto target = parse_target(request_.target);
      if (!target) return refuse({400, "malformed_request", target.error().message});
      request_.path = std::move(target->path);
      request_.query = std::move(target->query);
    }
    close_is_end_ = request_.version == 10;
    request_.keep_alive = request_.version == 11 && message.keep_alive();
    close_after_ = !request_.keep_alive;

    input_.erase(0, consumed);
    line_start_ = scanned_ = fields_start_ = field_count_ = 0;
    parser_->eager(true);
    phase_ = Phase::body;
    set_deadline(options_.body_deadline);
    if (!parser_->is_done() && input_.empty() && request_.version == 11 && request_.headers.get("Expect")) {
      send("HTTP/1.1 100 Continue\r\n\r\n", 0);
    }
    return phase_ == Phase::body;
  }

  bool step_body() {
    while (!parser_->is_done()) {
      if (input_.empty()) return false;
      boost::system::error_code failure;
      const auto consumed = parser_->put(boost::asio::const_buffer{input_.data(), input_.size()}, failure);
      input_.erase(0, consumed);
      if (failure == beast::error::need_more) {
        // Beast keeps no part of a line: an endless chunk line would grow here.
        if (input_.size() > options_.header_size_max) return refuse(refusal_of({}));
        return false;
      }
      if (failure) return refuse(refusal_of(failure));
      if (consumed == 0) return false;
    }
    request_.body = std::move(parser_->get().body());
    parser_.reset();
    phase_ = Phase::handling;
    timer_.stop();
    chunked_ = answered_ = false;
    link_ = std::make_shared<Exchange::Link>(host_->loop, weak_from_this(), options_.stream_buffer_max);
    host_->handler(std::make_shared<Exchange>(std::move(request_), link_));
    return phase_ == Phase::idle;
  }

  // Answers what never becomes an Exchange, and closes. False, for step().
  bool refuse(const Refusal& refusal, std::string_view allow = {}) {
    phase_ = Phase::handling;
    timer_.stop();
    const auto path = std::string_view{request_.target}.substr(0, request_.target.find('?'));
    auto response = problem(refusal.status, refusal.code, refusal.detail, path.substr(0, options_.target_size_max));
    if (!allow.empty()) response.headers.add("Allow", std::string{allow});
    response.close = true;
    respond(std::move(response));
    return false;
  }

  std::string head(int status, const Headers& headers) {
    std::string text = "HTTP/1.1 " + std::to_string(status) + " ";
    text.append(reason_phrase(status)).append("\r\nServer: tenantry\r\n");
    append_field(text, "Date", host_->date_now());
    for (const auto& [name, value] : headers) append_field(text, name, value);
    if (close_after_) append_field(text, "Connection", "close");
    return text;
  }

  void send(std::string data, std::size_t size) {
    std::size_t written = 0;
    if (writes_ == 0) {
      auto buffer = uv_buf_init(data.data(), static_cast<unsigned>(data.size()));
      const int count = uv_try_write(stream(), &buffer, 1);
      if (count < 0 && count != UV_EAGAIN) return close();
      written = count < 0 ? 0 : static_cast<std::size_t>(count);
      if (written == data.size()) {
        sent(size);
        if (answered_) answer_written();
        return;
      }
    }
    auto* const write = new Write{.data = std::move(data), .size = size, .connection = shared_from_this()};
    write->request.data = write;
    const auto buffer = uv_buf_init(write->data.data() + written, static_cast<unsigned>(write->data.size() - written));
    if (++writes_ == 1) set_deadline(options_.write_timeout);
    const int failed = uv_write(&write->request, stream(), &buffer, 1, [](uv_write_t* request, int status) {
      const std::unique_ptr<Write> done{static_cast<Write*>(request->data)};
      done->connection->wrote(done->size, status);
    });
    if (failed != 0) {
      delete write;
      close();
    }
  }

  void wrote(std::size_t size, int status) {
    --writes_;
    if (phase_ == Phase::closed) return;
    if (status != 0) return close();
    if (writes_ > 0) {
      set_deadline(options_.write_timeout);
    } else if (phase_ == Phase::handling) {
      timer_.stop();
    }
    sent(size);
    if (writes_ == 0 && answered_) answer_written();
  }

  void sent(std::size_t size) {
    if (!link_) return;
    const auto link = link_;
    link->waiting -= size;
    link->resume_if_writable();
  }

  void answer_written() {
    if (phase_ != Phase::handling || writes_ > 0) return;
    if (const auto link = std::exchange(link_, nullptr)) link->connected = false;
    answered_ = is_head_ = false;
    request_ = {};
    if (close_after_ || draining_) return linger();
    phase_ = Phase::idle;
    set_deadline(options_.idle_timeout);
    read();
    process();
  }

  // Closing with unread bytes would reset the connection and may take the answer with it.
  void linger() {
    phase_ = Phase::lingering;
    input_.clear();
    if (eof_) return close();
    auto* const shutdown = new uv_shutdown_t;
    if (uv_shutdown(shutdown, stream(), [](uv_shutdown_t* done, int) { delete done; }) != 0) {
      delete shutdown;
      return close();
    }
    set_deadline(linger_timeout);
    read();
  }

  std::string read_peer() {
    sockaddr_storage address{};
    int size = sizeof address;
    std::array<char, 64> text{};
    if (uv_tcp_getpeername(&tcp_, reinterpret_cast<sockaddr*>(&address), &size) != 0) return {};
    if (address.ss_family == AF_INET)
      uv_ip4_name(reinterpret_cast<const sockaddr_in*>(&address), text.data(), text.size());
    if (address.ss_family == AF_INET6)
      uv_ip6_name(reinterpret_cast<const sockaddr_in6*>(&address), text.data(), text.size());
    return text.data();
  }

  std::shared_ptr<Host> host_;
  const ServerOptions& options_;
  uv_tcp_t tcp_{};
  loop::Timer timer_;
  std::shared_ptr<Connection> self_{};
  Phase phase_ = Phase::header;
  std::string peer_{};
  std::string input_{};           // read and not yet consumed
  std::size_t line_start_ = 0;    // of the header line being read
  std::size_t scanned_ = 0;       // no line ends before here
  std::size_t fields_start_ = 0;  // behind the request line
  std::size_t field_count_ = 0;
  std::optional<Parser> parser_{};
  Request request_{};
  std::shared_ptr<Exchange::Link> link_{};
  std::size_t writes_ = 0;  // in libuv's queue
  bool reading_ = false;
  bool processing_ = false;
  bool eof_ = false;
  bool draining_ = false;
  bool is_head_ = false;
  bool close_is_end_ = false;  // HTTP/1.0 knows no chunks
  bool chunked_ = false;
  bool answered_ = false;  // the whole answer is in the writes
  bool close_after_ = false;
};

struct Server::State : Host, std::enable_shared_from_this<State> {
  uv_tcp_t* listener = nullptr;  // freed by its close callback
  std::uint16_t port = 0;
  bool draining = false;
  std::function<void()> stopped{};
  loop::Timer stop_timer;

  State(loop::Loop& on, ServerOptions with, Handler to) : Host{on, std::move(with), std::move(to)}, stop_timer(on) {}

  Result<void> listen();
  void accept();
  void close_listener();
  void close_all();
  void removed(Connection* connection) override {
    connections.erase(connection);
    finish_stop();
  }
  void finish_stop() {
    if (!draining || !connections.empty() || !stopped) return;
    stop_timer.stop();
    const auto run = std::move(stopped);
    stopped = nullptr;
    run();
  }
};

Exchange::Exchange(Request request, std::shared_ptr<Link> link)
    : request_(std::move(request)), link_(std::move(link)) {}

Exchange::~Exchange() {
  if (!link_->answered) respond(problem(Error{.code = Errc::internal}, request_.path));
}

void Exchange::respond(Response response) {
  TENANTRY_ASSERT(!link_->answered.exchange(true));
  link_->on_loop([link = link_, answer = std::move(response)]() mutable {
    if (const auto connection = link->connection.lock(); connection && link->connected)
      connection->respond(std::move(answer));
  });
}

void Exchange::start_stream(int status, Headers headers) {
  TENANTRY_ASSERT(!link_->answered.exchange(true));
  link_->loop.post([link = link_, status, fields = std::move(headers)] {
    if (const auto connection = link->connection.lock(); connection && link->connected)
      connection->start_stream(status, fields);
  });
}

bool Exchange::write_chunk(std::string bytes) {
  TENANTRY_ASSERT(link_->answered);
  if (!link_->connected) return false;
  if (bytes.empty()) return true;  // an empty chunk would end the stream
  const auto waiting = link_->waiting += bytes.size();
  link_->loop.post([link = link_, chunk = std::move(bytes)]() mutable {
    if (const auto connection = link->connection.lock(); connection && link->connected)
      connection->write_chunk(std::move(chunk));
  });
  return waiting <= link_->buffer_max;
}

void Exchange::finish() {
  TENANTRY_ASSERT(link_->answered);
  link_->loop.post([link = link_] {
    if (const auto connection = link->connection.lock(); connection && link->connected) connection->finish_stream();
  });
}

bool Exchange::connected() const {
  return link_->connected;
}

void Exchange::on_writable(std::function<void()> resume) {
  link_->loop.post([link = link_, run = std::move(resume)]() mutable {
    link->resume = std::move(run);
    link->resume_if_writable();
  });
}

Result<void> Server::State::listen() {
  sockaddr_storage address{};
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  if (uv_ip4_addr(options.address.c_str(), options.port, reinterpret_cast<sockaddr_in*>(&address)) != 0 &&
      uv_ip6_addr(options.address.c_str(), options.port, reinterpret_cast<sockaddr_in6*>(&address)) != 0) {
    return Error::invalid("", "address", "not an IP address to listen on: " + options.address);
  }
  listener = new uv_tcp_t;
  uv_tcp_init(loop.native(), listener);
  listener->data = this;
  int failed = uv_tcp_bind(listener, generic, 0);
  if (failed == 0) {
    failed = uv_listen(reinterpret_cast<uv_stream_t*>(listener), backlog, [](uv_stream_t* stream, int status) {
      auto* const state = static_cast<State*>(stream->data);
      if (status == 0 && state != nullptr) state->accept();
    });
  }
  int size = sizeof address;
  if (failed == 0) failed = uv_tcp_getsockname(listener, generic, &size);
  if (failed != 0) {
    close_listener();
    return Error{.code = Errc::unavailable,
                 .reason = "address_in_use",
                 .message = "cannot listen on " + options.address + ":" + std::to_string(options.port) + ": " +
                            uv_strerror(failed)};
  }
  const auto in_network_order = address.ss_family == AF_INET ? reinterpret_cast<sockaddr_in*>(&address)->sin_port
                                                             : reinterpret_cast<sockaddr_in6*>(&address)->sin6_port;
  port = ntohs(in_network_order);
  return {};
}

void Server::State::accept() {
  const auto connection = std::make_shared<Connection>(shared_from_this());
  const bool full = connections.size() >= options.connections_max;
  connections.insert(connection.get());
  if (uv_accept(reinterpret_cast<uv_stream_t*>(listener), connection->stream()) != 0) {
    connection->abandon();
  } else if (full) {
    connection->turn_away();
  } else {
    connection->start();
  }
}

void Server::State::close_listener() {
  if (listener == nullptr) return;
  uv_close(reinterpret_cast<uv_handle_t*>(std::exchange(listener, nullptr)),
           [](uv_handle_t* handle) { delete reinterpret_cast<uv_tcp_t*>(handle); });
}

void Server::State::close_all() {
  const auto open = connections;  // closing removes from the set, later
  for (auto* const connection : open) connection->close();
}

Server::Server(loop::Loop& loop, ServerOptions options, Handler handler)
    : state_(std::make_shared<State>(loop, std::move(options), std::move(handler))) {}

Server::~Server() {
  state_->close_listener();
  state_->stopped = nullptr;
  state_->stop_timer.stop();
  state_->close_all();
}

Result<void> Server::listen() {
  TENANTRY_ASSERT(state_->listener == nullptr);
  return state_->listen();
}

std::uint16_t Server::port() const {
  return state_->port;
}

std::size_t Server::connections() const {
  return state_->connections.size();
}

void Server::stop(Milliseconds deadline, std::function<void()> stopped) {
  state_->close_listener();
  state_->draining = true;
  state_->stopped = std::move(stopped);
  const auto open = state_->connections;
  for (auto* const connection : open) connection->drain();
  state_->stop_timer.start(deadline, [state = state_.get()] { state->close_all(); });
  state_->finish_stop();
}

}  // namespace tenantry::http
