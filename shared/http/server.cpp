#include "shared/http/server.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>

#include "shared/core/assert.h"
#include "shared/http/connection.h"
#include "shared/http/problem.h"

namespace tenantry::http {
namespace {

constexpr int backlog = 1024;

}  // namespace

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

std::string address_share(std::string_view address) {
  if (address.find(':') == address.npos) return std::string(address);
  const std::string text{address.substr(0, address.find('%'))};
  in6_addr parsed{};
  if (inet_pton(AF_INET6, text.c_str(), &parsed) != 1) return text;
  std::array<char, INET6_ADDRSTRLEN> out{};
  if (IN6_IS_ADDR_V4MAPPED(&parsed)) {
    inet_ntop(AF_INET, &parsed.s6_addr[12], out.data(), out.size());
    return out.data();
  }
  std::fill(std::begin(parsed.s6_addr) + 8, std::end(parsed.s6_addr), std::uint8_t{0});
  inet_ntop(AF_INET6, &parsed, out.data(), out.size());
  return std::string(out.data()) + "/64";
}

Exchange::Exchange(Request request, std::shared_ptr<Link> link)
    : request_(std::move(request)), link_(std::move(link)) {}

Exchange::~Exchange() {
  if (!link_->answered) respond(problem(Error{.code = Errc::internal}, request_.path));
}

void Exchange::respond(Response response) {
  TENANTRY_ASSERT(!link_->answered.exchange(true));
  const auto give = [](const Link& link, const Response& answer) {
    if (const auto connection = link.connection.lock(); connection && link.connected) connection->respond(answer);
  };
  if (link_->loop.on_loop_thread()) return give(*link_, response);
  link_->loop.post([give, link = link_, answer = std::move(response)] { give(*link, answer); });
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
  link_->loop.post([link = link_, chunk = std::move(bytes)] {
    if (const auto connection = link->connection.lock(); connection && link->connected) connection->write_chunk(chunk);
  });
  return waiting <= link_->buffer_max;
}

void Exchange::finish() {
  TENANTRY_ASSERT(link_->answered);
  link_->loop.post([link = link_] {
    if (const auto connection = link->connection.lock(); connection && link->connected) connection->finish_stream();
  });
}

void Exchange::abort() {
  TENANTRY_ASSERT(link_->answered);
  link_->loop.post([link = link_] {
    if (const auto connection = link->connection.lock(); connection && link->connected) connection->close();
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
  connections.insert(connection.get());
  if (uv_accept(reinterpret_cast<uv_stream_t*>(listener), connection->stream()) != 0) {
    connection->abandon();
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
