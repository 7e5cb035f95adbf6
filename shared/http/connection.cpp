#include "shared/http/connection.h"

#include <algorithm>
#include <charconv>

#include "shared/http/problem.h"
#include "shared/http/response_head.h"

namespace tenantry::http {
namespace {

constexpr std::size_t unread_max = 64UL * 1024;  // pipelined bytes kept while a request is handled
constexpr std::size_t batch_max = 64UL * 1024;   // answers to pipelined requests that are written as one
constexpr std::size_t buffer_kept = 8UL * 1024;  // by a connection between answers: there may be thousands
constexpr Milliseconds linger_timeout{2'000};    // a refused client may still be sending: let it read the answer

}  // namespace

void Exchange::Link::resume_if_writable() {
  if (!resume || (connected && waiting > buffer_max / 2)) return;
  const auto run = std::move(resume);
  resume = nullptr;
  run();
}

std::string_view Host::date_now() {
  if (const auto now = std::time(nullptr); now != date_of_) {
    date_of_ = now;
    date_ = http_date(now);
  }
  return date_;
}

struct Connection::Write {
  uv_write_t request{};
  std::string data;
  std::string holder;
  std::size_t unread;    // what it holds of Host::unread
  std::size_t streamed;  // bytes that its Exchange counts
  std::shared_ptr<Connection> connection;
  std::shared_ptr<Exchange::Link> link;
};

Connection::Connection(std::shared_ptr<Host> host)
    : host_(std::move(host)), options_(host_->options), timer_(host_->loop), parser_(options_) {
  uv_tcp_init(host_->loop.native(), &tcp_);
  tcp_.data = this;
}

void Connection::start() {
  self_ = shared_from_this();
  uv_tcp_nodelay(&tcp_, 1);
  peer_ = read_peer();
  place_holder_ = host_->holder_of(peer_, nullptr);
  holder_ = place_holder_;
  has_place_ = host_->places.take(place_holder_) == Budget::Answer::taken;
  if (!has_place_) {
    refuse({503, "unavailable", "The server has no connection to spare."});
    return;
  }
  set_deadline(options_.header_deadline);
  read();
}

void Connection::abandon() {
  self_ = shared_from_this();
  close();
}

void Connection::close() {
  if (phase_ == Phase::closed) return;
  phase_ = Phase::closed;
  timer_.stop();
  release_body();
  if (std::exchange(has_place_, false)) host_->places.give_back(place_holder_);
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

void Connection::drain() {
  draining_ = true;
  const bool between_requests = phase_ == Phase::idle || (phase_ == Phase::header && !parser_.started());
  if (between_requests && writes_ == 0) close();
}

// ---- deadlines

void Connection::set_deadline(Milliseconds after) {
  deadline_ = host_->loop.now() + after;
  if (deadline_ < armed_for_) arm(after);
}

void Connection::clear_deadline() {
  deadline_ = Milliseconds::max();
}

void Connection::arm(Milliseconds after) {
  armed_for_ = host_->loop.now() + after;
  timer_.start(after, [this] {
    armed_for_ = Milliseconds::max();
    if (deadline_ == Milliseconds::max()) return;
    const auto left = deadline_ - host_->loop.now();
    if (left <= Milliseconds{0}) return timed_out();
    arm(left);
  });
}

void Connection::timed_out() {
  if (writes_ == 0 && (phase_ == Phase::body || (phase_ == Phase::header && parser_.started()))) {
    refuse({408, "request_timeout", "The request took too long to arrive."});
    return;
  }
  close();
}

// ---- reading

void Connection::read() {
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

void Connection::stop_reading() {
  if (reading_) uv_read_stop(stream());
  reading_ = false;
}

void Connection::on_read(ssize_t count, const char* bytes) {
  if (count == 0) return;
  if (count < 0) {
    // A client that has shut its side down may still read the answer.
    const bool owed = phase_ == Phase::handling || (phase_ == Phase::idle && writes_ > 0);
    if (count != UV_EOF || !owed) return close();
    eof_ = true;
    return stop_reading();
  }
  if (phase_ == Phase::lingering) return;
  parser_.feed({bytes, static_cast<std::size_t>(count)});
  process();
}

// Goes on with what has been read until more is needed, a handler has it, or the client
// must first take what was answered. What handlers answer at once is written as one.
void Connection::process() {
  if (processing_) return;  // an answer given inside the handler: the loop below goes on
  processing_ = true;
  while (step()) {
  }
  processing_ = false;
  flush();
  if (phase_ == Phase::lingering || phase_ == Phase::closed) return;
  if (phase_ == Phase::handling || writes_ > 0) {
    if (parser_.unread() > unread_max) stop_reading();
  } else if (eof_) {
    close();  // no more comes, and what came is no whole request
  }
}

bool Connection::step() {
  switch (phase_) {
    case Phase::idle:
      if (writes_ > 0 || !parser_.started()) return false;
      phase_ = Phase::header;
      set_deadline(options_.header_deadline);
      return true;
    case Phase::header:
    case Phase::body:
      switch (parser_.next()) {
        case RequestParser::Step::more:
          if (hold_body() && phase_ == Phase::body) set_deadline(body_time());
          return false;
        case RequestParser::Step::header:
          return await_body();
        case RequestParser::Step::request:
          if (phase_ == Phase::header) know_holder();
          return hold_body() && handle();
        case RequestParser::Step::refused:
          return refuse(parser_.refusal());
      }
      return false;
    case Phase::handling:
    case Phase::lingering:
    case Phase::closed:
      return false;
  }
  return false;
}

bool Connection::await_body() {
  phase_ = Phase::body;
  know_holder();
  if (options_.refuse_unread) {
    if (const auto refused = options_.refuse_unread(*parser_.refused(), peer_)) return refuse(*refused);
  }
  body_until_ = host_->loop.now() + options_.body_deadline;
  set_deadline(body_time());
  if (parser_.expects_continue()) {
    out_ += "HTTP/1.1 100 Continue\r\n\r\n";
    flush();
  }
  return phase_ == Phase::body;
}

// A connection of nobody's brings requests of many: its header says whose this one is.
void Connection::know_holder() {
  if (place_holder_.empty()) holder_ = host_->holder_of(peer_, parser_.refused());
}

Milliseconds Connection::body_time() const {
  return std::min(options_.body_pause_max, body_until_ - host_->loop.now());
}

// Counts what has come of the body. False: there is no room for it, which is answered.
bool Connection::hold_body() {
  const auto size = parser_.body_size();
  if (host_->bodies.take(holder_, size - body_held_) != Budget::Answer::taken) {
    return refuse({503, "unavailable", "The server has no memory to spare for this body."});
  }
  body_held_ = size;
  return true;
}

void Connection::release_body() {
  host_->bodies.give_back(holder_, std::exchange(body_held_, 0));
}

bool Connection::handle() {
  auto request = parser_.take();
  request.peer_address = peer_;
  is_head_ = request.method == Method::head;
  close_is_end_ = request.version == 10;
  close_after_ = !request.keep_alive;
  chunked_ = answered_ = false;
  phase_ = Phase::handling;
  clear_deadline();
  link_ = std::make_shared<Exchange::Link>(host_->loop, weak_from_this(), options_.stream_buffer_max);
  host_->handler(std::make_shared<Exchange>(std::move(request), link_));
  return phase_ == Phase::idle;
}

bool Connection::refuse(const Refusal& refusal) {
  std::string_view target;
  if (const auto* const request = parser_.refused()) target = request->target;
  auto response = problem(refusal.status, refusal.code, refusal.detail,
                          target.substr(0, target.find('?')).substr(0, options_.target_size_max));
  if (!refusal.allow.empty()) response.headers.add("Allow", std::string{refusal.allow});
  return refuse(std::move(response));
}

// Answers what never becomes an Exchange, and closes. False, for step().
bool Connection::refuse(Response response) {
  phase_ = Phase::handling;
  clear_deadline();
  if (const auto* const request = parser_.refused()) is_head_ = request->method == Method::head;
  response.close = true;
  respond(response);
  return false;
}

// ---- answering

void Connection::begin_answer(int status, const Headers& headers) {
  append_head(out_, status, headers, host_->date_now(), close_after_);
}

void Connection::respond(const Response& response) {
  if (phase_ != Phase::handling || answered_) return;
  const bool no_body = response.status == 204 || response.status == 304 || response.status < 200;
  close_after_ = close_after_ || response.close || draining_;
  begin_answer(response.status, response.headers);
  if (!no_body) append_field(out_, "Content-Length", response.body.size());
  out_ += "\r\n";
  if (!no_body && !is_head_) out_ += response.body;
  answer_complete();
}

void Connection::start_stream(int status, const Headers& headers) {
  if (phase_ != Phase::handling) return;
  chunked_ = !close_is_end_;
  close_after_ = close_after_ || draining_ || close_is_end_;
  begin_answer(status, headers);
  if (chunked_) out_ += "Transfer-Encoding: chunked\r\n";
  out_ += "\r\n";
  flush();
}

void Connection::write_chunk(std::string_view bytes) {
  if (phase_ != Phase::handling || is_head_) {
    if (link_) link_->waiting -= bytes.size();
    return;
  }
  if (chunked_) {
    std::array<char, 16> line{};
    out_.append(line.data(), std::to_chars(line.data(), line.data() + line.size(), bytes.size(), 16).ptr);
    out_ += "\r\n";
  }
  out_ += bytes;
  if (chunked_) out_ += "\r\n";
  out_streamed_ += bytes.size();
  flush();
}

void Connection::finish_stream() {
  if (phase_ != Phase::handling) return;
  if (chunked_ && !is_head_) out_ += "0\r\n\r\n";
  answered_ = true;
  if (out_.empty()) return answer_written();
  flush();
}

void Connection::answer_complete() {
  answered_ = true;
  const bool may_wait = processing_ && !close_after_ && out_.size() < batch_max;
  if (may_wait) return end_request();
  flush();
}

// Gives what is in out_ to the socket.
void Connection::flush() {
  if (out_.empty() || phase_ == Phase::closed) return;
  std::size_t written = 0;
  if (writes_ == 0) {
    auto buffer = uv_buf_init(out_.data(), static_cast<unsigned>(out_.size()));
    const int count = uv_try_write(stream(), &buffer, 1);
    if (count < 0 && count != UV_EAGAIN) return close();
    written = count < 0 ? 0 : static_cast<std::size_t>(count);
  }
  const auto streamed = std::exchange(out_streamed_, 0);
  if (written == out_.size()) {
    out_.clear();
    if (out_.capacity() > buffer_kept) out_.shrink_to_fit();
    if (streamed > 0) {
      link_->waiting -= streamed;
      link_->resume_if_writable();
    }
    if (answered_) answer_written();
    return;
  }
  const auto unread = out_.size() - written;
  if (host_->unread.take(holder_, unread) != Budget::Answer::taken) return close();
  auto* const write = new Write{.data = std::exchange(out_, {}),
                                .holder = holder_,
                                .unread = unread,
                                .streamed = streamed,
                                .connection = shared_from_this(),
                                .link = streamed > 0 ? link_ : nullptr};
  write->request.data = write;
  const auto buffer = uv_buf_init(write->data.data() + written, static_cast<unsigned>(write->data.size() - written));
  if (++writes_ == 1) set_deadline(options_.write_timeout);
  const int failed = uv_write(&write->request, stream(), &buffer, 1, [](uv_write_t* request, int status) {
    const std::unique_ptr<Write> done{static_cast<Write*>(request->data)};
    done->connection->wrote(*done, status);
  });
  if (failed != 0) {
    host_->unread.give_back(holder_, unread);
    delete write;
    close();
  }
}

void Connection::wrote(const Write& write, int status) {
  --writes_;
  host_->unread.give_back(write.holder, write.unread);
  if (phase_ == Phase::closed) return;
  if (status != 0) return close();
  if (writes_ > 0) {
    set_deadline(options_.write_timeout);
  } else if (phase_ == Phase::handling) {
    clear_deadline();
  }
  if (write.streamed > 0) {
    write.link->waiting -= write.streamed;
    write.link->resume_if_writable();
  }
  if (writes_ > 0) return;
  if (answered_) return answer_written();
  if (phase_ != Phase::idle) return;
  if (draining_) return linger();
  set_deadline(options_.idle_timeout);  // the answers to pipelined requests have been taken: on with the next
  read();
  process();
}

void Connection::end_request() {
  if (const auto link = std::exchange(link_, nullptr)) link->connected = false;
  answered_ = is_head_ = false;
  release_body();
  phase_ = Phase::idle;
  set_deadline(options_.idle_timeout);
}

void Connection::answer_written() {
  if (phase_ != Phase::handling || writes_ > 0) return;
  end_request();
  if (close_after_ || draining_) return linger();
  read();
  process();
}

// Closing with unread bytes would reset the connection and may take the answer with it.
void Connection::linger() {
  phase_ = Phase::lingering;
  parser_.discard();
  if (eof_) return close();
  auto* const shutdown = new uv_shutdown_t;
  if (uv_shutdown(shutdown, stream(), [](uv_shutdown_t* done, int) { delete done; }) != 0) {
    delete shutdown;
    return close();
  }
  set_deadline(linger_timeout);
  read();
}

std::string Connection::read_peer() {
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

}  // namespace tenantry::http
