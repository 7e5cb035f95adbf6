// bench_http: HTTP requests at a fixed rate over a fixed number of keep-alive
// connections, and how long each answer took.
//
// Every request has its moment, whatever became of those before it: a connection that
// is still waiting sends the next one when it is free, and the time is counted from the
// moment it was due. So a server that stands still for a while is charged for all who
// would have come meanwhile, which a closed loop such as wrk's leaves out.
//
// Prints one JSON line: {"requests","errors","seconds","latencies_us":{"p50","p90","p99","p999","max"}}.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <deque>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

struct Options {
  std::string host = "127.0.0.1";
  std::uint16_t port = 0;
  std::string path = "/";
  std::string token;
  double rate = 1'000;  // requests a second, over all connections
  double seconds = 10;
  int connections = 32;
  int deadline = 120;  // seconds
};

int connect_to(const Options& options) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(options.port);
  if (inet_pton(AF_INET, options.host.c_str(), &address.sin_addr) != 1)
    throw std::runtime_error("--host: an IPv4 address");
  if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
    throw std::runtime_error("cannot connect");
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

struct Connection {
  int fd = -1;
  std::deque<Clock::time_point> due{};  // of requests sent (the first, if `waiting`) and to be sent
  bool waiting = false;
  std::string input{};
};

// The size of the first answer in `text`, 0 where it is not whole.
std::size_t answer_size(std::string_view text) {
  const auto end = text.find("\r\n\r\n");
  if (end == text.npos) return 0;
  constexpr std::string_view field = "ontent-";
  for (auto at = text.find(field); at < end; at = text.find(field, at + 1)) {
    auto rest = text.substr(at + field.size());
    if (!rest.starts_with("Length: ") && !rest.starts_with("length: ")) continue;
    const auto size = end + 4 + std::stoul(std::string(rest.substr(8, 20)));
    return text.size() < size ? 0 : size;
  }
  throw std::runtime_error("an answer without a length");
}

class Load {
 public:
  explicit Load(const Options& options)
      : options_(options),
        request_("GET " + options.path + " HTTP/1.1\r\nHost: " + options.host + "\r\nAuthorization: Bearer " +
                 options.token + "\r\n\r\n"),
        epoll_(epoll_create1(0)),
        connections_(static_cast<std::size_t>(options.connections)) {
    for (auto& connection : connections_) {
      connection.fd = connect_to(options_);
      epoll_event event{.events = EPOLLIN, .data = {.ptr = &connection}};
      epoll_ctl(epoll_, EPOLL_CTL_ADD, connection.fd, &event);
    }
  }

  void run() {
    const auto count = static_cast<std::uint64_t>(options_.rate * options_.seconds);
    const std::chrono::duration<double> between{1 / options_.rate};
    latencies_us_.reserve(count);
    const auto start = Clock::now() + std::chrono::milliseconds{10};
    const auto give_up = start + std::chrono::seconds{options_.deadline};
    for (std::uint64_t sent = 0; latencies_us_.size() < count;) {
      const auto now = Clock::now();
      if (now > give_up) throw std::runtime_error("not all answered within --deadline");
      auto next = start + std::chrono::duration_cast<Clock::duration>(between * static_cast<double>(sent));
      for (; sent < count && next <= now; ++sent) {
        auto& connection = connections_[sent % connections_.size()];
        connection.due.push_back(next);
        send_next(connection);
        next = start + std::chrono::duration_cast<Clock::duration>(between * static_cast<double>(sent + 1));
      }
      wait(sent < count ? next - Clock::now() : Clock::duration{std::chrono::milliseconds{10}});
    }
    seconds_ = std::chrono::duration<double>(Clock::now() - start).count();
  }

  nlohmann::json result() {
    std::ranges::sort(latencies_us_);
    const auto at = [&](double percent) {
      const auto rank = static_cast<std::size_t>(percent / 100 * static_cast<double>(latencies_us_.size()));
      return latencies_us_[std::min(rank, latencies_us_.size() - 1)];
    };
    return {{"requests", latencies_us_.size()},
            {"errors", errors_},
            {"seconds", seconds_},
            {"latencies_us",
             {{"p50", at(50)}, {"p90", at(90)}, {"p99", at(99)}, {"p999", at(99.9)}, {"max", latencies_us_.back()}}}};
  }

 private:
  void send_next(Connection& connection) {
    if (connection.waiting || connection.due.empty()) return;
    connection.waiting = true;
    if (send(connection.fd, request_.data(), request_.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request_.size())) {
      throw std::runtime_error("cannot send");
    }
  }

  // epoll waits whole milliseconds only: shorter ones are spent asking, so that no request is late.
  void wait(Clock::duration for_at_most) {
    const auto whole = std::chrono::duration_cast<std::chrono::milliseconds>(for_at_most).count();
    std::array<epoll_event, 64> events{};
    const int ready = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()),
                                 static_cast<int>(std::clamp<std::int64_t>(whole, 0, 10)));
    for (int i = 0; i < ready; ++i) receive(*static_cast<Connection*>(events[static_cast<std::size_t>(i)].data.ptr));
  }

  void receive(Connection& connection) {
    std::array<char, 16384> buffer{};
    const auto count = recv(connection.fd, buffer.data(), buffer.size(), 0);
    if (count <= 0) throw std::runtime_error("the server closed a connection");
    connection.input.append(buffer.data(), static_cast<std::size_t>(count));
    const auto size = answer_size(connection.input);
    if (size == 0) return;
    if (!connection.input.starts_with("HTTP/1.1 200 ")) ++errors_;
    connection.input.erase(0, size);
    const auto took = Clock::now() - connection.due.front();
    latencies_us_.push_back(std::chrono::duration_cast<std::chrono::microseconds>(took).count());
    connection.due.pop_front();
    connection.waiting = false;
    send_next(connection);
  }

  const Options& options_;
  std::string request_;
  int epoll_;
  std::vector<Connection> connections_;
  std::vector<std::int64_t> latencies_us_;
  std::uint64_t errors_ = 0;
  double seconds_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app{"HTTP requests at a fixed rate; latency counted from the moment each was due"};
  app.add_option("--host", options.host);
  app.add_option("--port", options.port)->required();
  app.add_option("--path", options.path);
  app.add_option("--token", options.token)->envname("TENANTRY_BENCH_TOKEN");
  app.add_option("--rate", options.rate)->check(CLI::Range(1.0, 1e6));
  app.add_option("--seconds", options.seconds)->check(CLI::Range(0.1, 3600.0));
  app.add_option("--connections", options.connections)->check(CLI::Range(1, 10'000));
  app.add_option("--deadline", options.deadline);
  CLI11_PARSE(app, argc, argv);
  try {
    Load load(options);
    load.run();
    std::puts(load.result().dump().c_str());
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_http: %s\n", error.what());
    return 1;
  }
}
