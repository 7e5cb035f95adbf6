#include "shared/amqp/connection.h"

#include <uv.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <map>
#include <mutex>

#include "shared/amqp/tls.h"
#include "shared/core/assert.h"

namespace tenantry::amqp {

namespace {

constexpr std::size_t read_buffer_size = 64 * 1024;
constexpr std::chrono::milliseconds tick_every{500};

CoreParameters core_parameters(const ConnectionParameters& from) {
  return {.vhost = from.vhost,
          .user = from.user,
          .password = from.password,
          .name = from.name,
          .heartbeat = from.heartbeat,
          .handshake_timeout = from.handshake_timeout,
          .frame_max = from.frame_max,
          .body_size_max = from.body_size_max};
}

CloseReason network(std::string text) {
  return {CloseKind::network, 0, std::move(text)};
}

template <class T>
uv_handle_t* handle_of(T& typed) {
  return reinterpret_cast<uv_handle_t*>(&typed);
}

}  // namespace

// What the connections of one loop share: the read buffer, the tick and the moment of
// writing. Lives as long as one of them does.
struct Connection::Hub {
  static std::shared_ptr<Hub> of(loop::Loop& loop);
  explicit Hub(loop::Loop& loop);
  ~Hub();
  Hub(const Hub&) = delete;
  Hub& operator=(const Hub&) = delete;

  void flush_later(std::shared_ptr<State> state);
  Result<std::shared_ptr<TlsContext>> tls_context(const std::string& ca_file);

  std::unique_ptr<char[]> read_buffer = std::make_unique<char[]>(read_buffer_size);
  std::vector<State*> connections;  // each removes itself before it goes

 private:
  void flush();
  void tick();

  uv_loop_t* const loop_;
  loop::Deferred flush_;
  loop::Timer tick_;
  std::vector<std::shared_ptr<State>> dirty_;
  std::map<std::string, std::shared_ptr<TlsContext>> tls_contexts_;
};

struct Connection::State : std::enable_shared_from_this<Connection::State> {
  // One attempt at one address. Owned by libuv from connecting to the close callback.
  struct Socket {
    uv_tcp_t tcp{};
    uv_connect_t connect{};
    uv_write_t write{};
    std::string in_flight;  // being written
    std::shared_ptr<State> owner;
  };
  struct Lookup {
    uv_getaddrinfo_t request{};
    std::shared_ptr<State> owner;
  };

  State(loop::Loop& on, ConnectionParameters wanted, Handlers handlers)
      : loop(on),
        hub(Hub::of(on)),
        core(core_parameters(wanted), std::move(handlers)),
        host(std::move(wanted.host)),
        port(wanted.port),
        use_tls(wanted.tls),
        ca_file(std::move(wanted.ca_file)),
        connect_timeout(wanted.connect_timeout) {}

  void look_up();
  void connect_next();
  void on_connected();
  void on_bytes(ByteView bytes);
  void start_reading();
  void flush();
  void flush_later();
  void tick(std::chrono::milliseconds now);
  void fail(CloseReason reason);
  void drop_socket();
  void detach();
  std::string take_bytes();  // for the socket, encrypted where that is wanted

  // Sends what an operation has written.
  template <class T>
  Result<T> sent(Result<T> outcome) {
    flush_later();
    return outcome;
  }

  loop::Loop& loop;
  std::shared_ptr<Hub> hub;
  ConnectionCore core;
  std::string host;
  std::uint16_t port;
  bool use_tls;
  std::string ca_file;
  std::chrono::milliseconds connect_timeout;
  std::optional<std::chrono::milliseconds> connect_deadline;
  std::unique_ptr<TlsStream> tls;
  Socket* socket = nullptr;
  Lookup* lookup = nullptr;
  std::vector<sockaddr_storage> addresses;  // still to be tried, last one first
  std::string connect_error = "no address";
  bool established = false;  // TCP is up
  bool paused = false;
  bool flush_pending = false;
  bool detached = false;
};

namespace {

struct Hubs {
  std::mutex mutex;
  std::map<uv_loop_t*, std::weak_ptr<void>> by_loop;
};

Hubs& hubs() {
  static Hubs all;
  return all;
}

}  // namespace

std::shared_ptr<Connection::Hub> Connection::Hub::of(loop::Loop& loop) {
  const std::lock_guard lock(hubs().mutex);
  auto& known = hubs().by_loop[loop.native()];
  auto hub = std::static_pointer_cast<Hub>(known.lock());
  if (!hub) {
    hub = std::make_shared<Hub>(loop);
    known = hub;
  }
  return hub;
}

Connection::Hub::Hub(loop::Loop& loop) : loop_(loop.native()), flush_(loop, [this] { flush(); }), tick_(loop) {
  tick_.repeat(tick_every, [this] { tick(); });
}

Connection::Hub::~Hub() {
  const std::lock_guard lock(hubs().mutex);
  const auto known = hubs().by_loop.find(loop_);
  if (known != hubs().by_loop.end() && known->second.expired()) hubs().by_loop.erase(known);
}

void Connection::Hub::flush_later(std::shared_ptr<State> state) {
  if (dirty_.empty()) flush_.request();
  dirty_.push_back(std::move(state));
}

void Connection::Hub::flush() {
  const auto ready = std::exchange(dirty_, {});  // outlives a handler that destroys the last connection
  for (const auto& state : ready) state->flush();
}

void Connection::Hub::tick() {
  std::vector<std::shared_ptr<State>> all;
  all.reserve(connections.size());
  for (auto* state : connections) all.push_back(state->shared_from_this());
  for (const auto& state : all) state->tick(state->loop.now());
}

Result<std::shared_ptr<TlsContext>> Connection::Hub::tls_context(const std::string& ca_file) {
  auto& known = tls_contexts_[ca_file];
  if (!known) {
    auto created = TlsContext::create(ca_file);
    if (!created) return created.error();
    known = *created;
  }
  return known;
}

void Connection::State::look_up() {
  lookup = new Lookup{.owner = shared_from_this()};
  lookup->request.data = lookup;
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  const int outcome = uv_getaddrinfo(
      loop.native(), &lookup->request,
      [](uv_getaddrinfo_t* request, int status, addrinfo* found) {
        const std::unique_ptr<Lookup> done(static_cast<Lookup*>(request->data));
        const std::unique_ptr<addrinfo, decltype(&uv_freeaddrinfo)> list(found, &uv_freeaddrinfo);
        auto& state = *done->owner;
        state.lookup = nullptr;
        if (state.core.closed()) return;
        if (status != 0) return state.fail(network("cannot resolve " + state.host + ": " + uv_strerror(status)));
        for (const addrinfo* entry = found; entry != nullptr; entry = entry->ai_next) {
          std::memcpy(&state.addresses.emplace_back(), entry->ai_addr, entry->ai_addrlen);
        }
        std::ranges::reverse(state.addresses);
        state.connect_next();
      },
      host.c_str(), std::to_string(port).c_str(), &hints);
  TENANTRY_ASSERT(outcome == 0);  // it only queues; what fails is reported later
}

void Connection::State::connect_next() {
  while (!addresses.empty()) {
    const sockaddr_storage address = addresses.back();
    addresses.pop_back();
    socket = new Socket{.owner = shared_from_this()};
    socket->tcp.data = socket;
    socket->connect.data = socket;
    uv_tcp_init(loop.native(), &socket->tcp);
    const int outcome = uv_tcp_connect(&socket->connect, &socket->tcp, reinterpret_cast<const sockaddr*>(&address),
                                       [](uv_connect_t* request, int status) {
                                         auto* attempt = static_cast<Socket*>(request->data);
                                         const auto state = attempt->owner;
                                         if (state->socket != attempt) return;  // dropped meanwhile
                                         if (status == 0) return state->on_connected();
                                         state->connect_error = uv_strerror(status);
                                         state->drop_socket();
                                         state->connect_next();
                                       });
    if (outcome == 0) return;
    connect_error = uv_strerror(outcome);
    drop_socket();
  }
  fail(network("cannot connect to " + host + ":" + std::to_string(port) + ": " + connect_error));
}

void Connection::State::on_connected() {
  established = true;
  addresses = {};
  uv_tcp_nodelay(&socket->tcp, 1);
  if (use_tls) {
    auto context = hub->tls_context(ca_file);
    if (!context) return fail(network(context.error().message));
    auto stream = TlsStream::create(*context, host);
    if (!stream) return fail(network(stream.error().message));
    tls = std::move(*stream);
  }
  if (!paused) start_reading();
  flush_later();
}

void Connection::State::start_reading() {
  uv_read_start(
      reinterpret_cast<uv_stream_t*>(&socket->tcp),
      [](uv_handle_t* handle, std::size_t, uv_buf_t* buffer) {
        *buffer = uv_buf_init(static_cast<Socket*>(handle->data)->owner->hub->read_buffer.get(), read_buffer_size);
      },
      [](uv_stream_t* stream, ssize_t count, const uv_buf_t* buffer) {
        const auto state = static_cast<Socket*>(stream->data)->owner;
        if (count > 0) {
          state->on_bytes(as_bytes({buffer->base, static_cast<std::size_t>(count)}));
        } else if (count < 0) {
          state->fail(network(count == UV_EOF ? "the broker closed the socket" : uv_strerror(static_cast<int>(count))));
        }
      });
}

void Connection::State::on_bytes(ByteView bytes) {
  if (!tls) {
    // A protocol error has closed the core and told its handler.
    static_cast<void>(core.feed(bytes));
  } else {
    const auto fed = tls->feed(bytes, [this](ByteView plain) { return core.feed(plain); });
    if (!fed && !core.closed()) return fail(network(fed.error().message));
  }
  flush_later();
}

std::string Connection::State::take_bytes() {
  auto bytes = core.take_output();
  if (!tls) return bytes;
  if (auto written = tls->write(std::move(bytes)); !written) {
    fail(network(written.error().message));
    return {};
  }
  return tls->take_output();
}

void Connection::State::flush_later() {
  if (flush_pending || detached) return;
  flush_pending = true;
  hub->flush_later(shared_from_this());
}

void Connection::State::flush() {
  flush_pending = false;
  if (!established || socket == nullptr) {
    if (core.closed()) drop_socket();
    return;
  }
  if (!socket->in_flight.empty()) return;  // its callback comes back here
  auto bytes = take_bytes();
  if (socket == nullptr) return;
  if (bytes.empty()) {
    if (core.closed()) drop_socket();
    return;
  }
  socket->in_flight = std::move(bytes);
  socket->write.data = socket;
  const uv_buf_t buffer = uv_buf_init(socket->in_flight.data(), static_cast<unsigned>(socket->in_flight.size()));
  const int outcome = uv_write(&socket->write, reinterpret_cast<uv_stream_t*>(&socket->tcp), &buffer, 1,
                               [](uv_write_t* request, int status) {
                                 auto* written = static_cast<Socket*>(request->data);
                                 written->in_flight = {};
                                 const auto state = written->owner;
                                 if (state->socket != written) return;
                                 if (status < 0) return state->fail(network(uv_strerror(status)));
                                 if (state->core.has_output() || state->core.closed() || state->tls)
                                   state->flush_later();
                               });
  if (outcome < 0) fail(network(uv_strerror(outcome)));
}

void Connection::State::tick(std::chrono::milliseconds now) {
  if (detached || core.closed()) return;
  if (!established) {
    if (!connect_deadline) connect_deadline = now + connect_timeout;
    if (now >= *connect_deadline) {
      fail(network("cannot connect to " + host + ":" + std::to_string(port) + " in time"));
    }
    return;
  }
  core.tick(now, paused);
  if (core.has_output() || core.closed()) flush_later();
}

void Connection::State::fail(CloseReason reason) {
  core.transport_closed(std::move(reason));
  drop_socket();
}

void Connection::State::drop_socket() {
  addresses.clear();
  if (lookup != nullptr) uv_cancel(reinterpret_cast<uv_req_t*>(&lookup->request));
  if (socket == nullptr) return;
  uv_close(handle_of(std::exchange(socket, nullptr)->tcp),
           [](uv_handle_t* handle) { delete static_cast<Socket*>(handle->data); });
}

void Connection::State::detach() {
  detached = true;
  std::erase(hub->connections, this);
  // What was asked before is sent if the kernel takes it.
  if (established && socket != nullptr && socket->in_flight.empty() && !core.closed()) {
    core.abandon();
    auto bytes = take_bytes();
    if (!bytes.empty() && socket != nullptr) {
      const uv_buf_t buffer = uv_buf_init(bytes.data(), static_cast<unsigned>(bytes.size()));
      uv_try_write(reinterpret_cast<uv_stream_t*>(&socket->tcp), &buffer, 1);
    }
  }
  core.abandon();
  drop_socket();
}

Connection::Connection(loop::Loop& loop, ConnectionParameters parameters, Handlers handlers)
    : state_(std::make_shared<State>(loop, std::move(parameters), std::move(handlers))) {
  state_->hub->connections.push_back(state_.get());
  state_->look_up();
}

Connection::~Connection() {
  state_->detach();
}

bool Connection::ready() const {
  return state_->core.ready();
}

bool Connection::closed() const {
  return state_->core.closed();
}

void Connection::close() {
  const auto state = state_;  // on_closed may destroy this connection
  state->core.close();
  state->flush_later();
}

std::size_t Connection::write_buffer_size() const {
  return state_->core.output_size() + (state_->socket == nullptr ? 0 : state_->socket->in_flight.size());
}

void Connection::pause_reading() {
  if (std::exchange(state_->paused, true) || !state_->established || state_->socket == nullptr) return;
  uv_read_stop(reinterpret_cast<uv_stream_t*>(&state_->socket->tcp));
}

void Connection::resume_reading() {
  if (!std::exchange(state_->paused, false) || !state_->established || state_->socket == nullptr) return;
  state_->start_reading();
}

Result<ChannelId> Connection::open_channel(ChannelOpened done) {
  return state_->sent(state_->core.open_channel(std::move(done)));
}
Result<void> Connection::close_channel(ChannelId channel, Done done) {
  return state_->sent(state_->core.close_channel(channel, std::move(done)));
}
Result<void> Connection::confirm_select(ChannelId channel, Done done) {
  return state_->sent(state_->core.confirm_select(channel, std::move(done)));
}
Result<void> Connection::qos(ChannelId channel, std::uint16_t prefetch_count, Done done) {
  return state_->sent(state_->core.qos(channel, prefetch_count, std::move(done)));
}
Result<void> Connection::exchange_declare(ChannelId channel, const method::ExchangeDeclare& exchange, Done done) {
  return state_->sent(state_->core.exchange_declare(channel, exchange, std::move(done)));
}
Result<void> Connection::queue_declare(ChannelId channel, const method::QueueDeclare& queue, QueueDeclared done) {
  return state_->sent(state_->core.queue_declare(channel, queue, std::move(done)));
}
Result<void> Connection::queue_bind(ChannelId channel, const method::QueueBind& binding, Done done) {
  return state_->sent(state_->core.queue_bind(channel, binding, std::move(done)));
}
Result<void> Connection::queue_unbind(ChannelId channel, const method::QueueUnbind& binding, Done done) {
  return state_->sent(state_->core.queue_unbind(channel, binding, std::move(done)));
}
Result<void> Connection::queue_purge(ChannelId channel, std::string queue, Counted done) {
  return state_->sent(state_->core.queue_purge(channel, std::move(queue), std::move(done)));
}
Result<void> Connection::queue_delete(ChannelId channel, const method::QueueDelete& queue, Counted done) {
  return state_->sent(state_->core.queue_delete(channel, queue, std::move(done)));
}
Result<void> Connection::consume(ChannelId channel, std::string queue, std::string consumer_tag, ConsumeOptions options,
                                 Consuming done) {
  return state_->sent(
      state_->core.consume(channel, std::move(queue), std::move(consumer_tag), std::move(options), std::move(done)));
}
Result<void> Connection::cancel(ChannelId channel, std::string consumer_tag, Done done) {
  return state_->sent(state_->core.cancel(channel, std::move(consumer_tag), std::move(done)));
}
Result<void> Connection::ack(ChannelId channel, std::uint64_t delivery_tag, bool multiple) {
  return state_->sent(state_->core.ack(channel, delivery_tag, multiple));
}
Result<void> Connection::nack(ChannelId channel, std::uint64_t delivery_tag, bool multiple, bool requeue) {
  return state_->sent(state_->core.nack(channel, delivery_tag, multiple, requeue));
}
Result<std::uint64_t> Connection::publish(ChannelId channel, const Publication& publication) {
  return state_->sent(state_->core.publish(channel, publication));
}

namespace {

Result<std::string> percent_decode(std::string_view text, const char* part) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      result.push_back(text[i]);
      continue;
    }
    const auto byte = i + 2 < text.size() ? from_hex(text.substr(i + 1, 2)) : Result<Bytes>(Error{});
    if (!byte) return Error::invalid(std::string("/") + part, "percent_encoding", "% needs two hex digits after it");
    if (byte->front() == 0) return Error::invalid(std::string("/") + part, "percent_encoding", "%00 is not allowed");
    result.push_back(static_cast<char>(byte->front()));
    i += 2;
  }
  return result;
}

}  // namespace

Result<ConnectionParameters> parse_url(std::string_view url) {
  ConnectionParameters result;
  if (url.starts_with("amqps://")) {
    result.tls = true;
    result.port = 5671;
    url.remove_prefix(8);
  } else if (url.starts_with("amqp://")) {
    url.remove_prefix(7);
  } else {
    return Error::invalid("/scheme", "scheme", "an AMQP URL begins with amqp:// or amqps://");
  }
  if (url.find_first_of("?#") != std::string_view::npos) {
    return Error::invalid("/query", "unsupported", "an AMQP URL has no query or fragment here");
  }

  const auto slash = url.find('/');
  auto authority = url.substr(0, slash);
  if (slash != std::string_view::npos) {
    auto vhost = percent_decode(url.substr(slash + 1), "vhost");
    if (!vhost) return vhost.error();
    if (url.find('/', slash + 1) != std::string_view::npos) {
      return Error::invalid("/vhost", "vhost", "a slash in a vhost is written %2F");
    }
    if (vhost->empty()) return Error::invalid("/vhost", "vhost", "the vhost is empty; \"/\" is written %2F");
    result.vhost = std::move(*vhost);
  }

  if (const auto at = authority.rfind('@'); at != std::string_view::npos) {
    const auto login = authority.substr(0, at);
    authority.remove_prefix(at + 1);
    const auto colon = login.find(':');
    auto user = percent_decode(login.substr(0, colon), "user");
    if (!user) return user.error();
    if (user->empty()) return Error::invalid("/user", "required", "the user is empty");
    auto password =
        percent_decode(colon == std::string_view::npos ? std::string_view() : login.substr(colon + 1), "password");
    if (!password) return password.error();
    result.user = std::move(*user);
    result.password = std::move(*password);
  }

  std::string_view port;
  if (authority.starts_with('[')) {
    const auto bracket = authority.find(']');
    if (bracket == std::string_view::npos) return Error::invalid("/host", "host", "an IPv6 address ends with ]");
    result.host = authority.substr(1, bracket - 1);
    authority.remove_prefix(bracket + 1);
    if (!authority.empty() && authority.front() != ':') {
      return Error::invalid("/host", "host", "only a port may follow an IPv6 address");
    }
    port = authority.empty() ? authority : authority.substr(1);
    if (!authority.empty() && port.empty()) return Error::invalid("/port", "port", "the port is empty");
  } else {
    const auto colon = authority.find(':');
    auto host = percent_decode(authority.substr(0, colon), "host");
    if (!host) return host.error();
    result.host = std::move(*host);
    if (colon != std::string_view::npos) {
      port = authority.substr(colon + 1);
      if (port.empty()) return Error::invalid("/port", "port", "the port is empty");
    }
  }
  if (result.host.empty()) return Error::invalid("/host", "required", "the host is empty");
  if (!port.empty()) {
    const auto [end, code] = std::from_chars(port.data(), port.data() + port.size(), result.port);
    if (code != std::errc() || end != port.data() + port.size() || result.port == 0) {
      return Error::invalid("/port", "port", "the port is not a number from 1 to 65535");
    }
  }
  return result;
}

}  // namespace tenantry::amqp
