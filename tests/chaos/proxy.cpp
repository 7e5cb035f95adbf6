// chaos_proxy: stands between our processes and their servers, and spoils what passes:
// connections cut, stalled, sent byte by byte, half-closed, cut after so many bytes.
//
// One thread, epoll. Told what to do by lines of JSON on stdin, and answers each with
// one line; leaves when stdin ends, so it never outlives its supervisor. Nothing is
// spoiled by a timer here: who begins a fault ends it.
//
//   {"listener":"database","do":"cut"}                 every connection is reset
//   {"listener":"database","do":"half_close"}          every client sees the end, and may go on sending
//   {"listener":"database","do":"stall"}               nothing moves, either way
//   {"listener":"database","do":"split"}               bytes arrive a few at a time
//   {"listener":"database","do":"cut_after","bytes":9} each direction of each connection is reset after 9 more bytes
//   {"listener":"database","do":"refuse"}              new connections are reset at once, old ones live
//   {"listener":"database","do":"pass"}                back to an honest wire
//   {"do":"count"}                                     connections by listener
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>
#include <cstdio>
#include <cstring>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

#include "shared/core/assert.h"

namespace {

constexpr std::size_t buffer_max = 256 * 1024;  // per direction: beyond it the sender feels the receiver
constexpr std::size_t split_max = 7;            // bytes per write while split

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

enum class Mode { pass, stall, split, cut_after, refuse };

struct Pair;
struct Listener;

// What epoll hands back: the listener's socket, or one side of a pair.
struct Source {
  Listener* listener = nullptr;
  Pair* pair = nullptr;
  int side = 0;  // 0: the client's socket, 1: the server's
};

struct Pair {
  Listener* listener = nullptr;
  std::array<int, 2> fds{-1, -1};
  std::array<Source, 2> sources{};
  std::array<std::string, 2> waiting{};  // bytes on their way to side i
  std::array<bool, 2> ended{};           // side i has sent its last byte
  std::array<bool, 2> shut{};            // and the other side has been told
  std::array<long, 2> left{-1, -1};      // bytes that may still reach side i; -1: any number
  bool connected = false;
  bool dead = false;
};

struct Listener {
  std::string name;
  std::uint16_t port = 0;
  std::uint16_t target = 0;
  int fd = -1;
  Mode mode = Mode::pass;
  long bytes = 0;  // of cut_after
  Source source{};
  std::vector<std::unique_ptr<Pair>> pairs;
};

class Proxy {
 public:
  explicit Proxy(std::uint64_t seed) : random_(seed), epoll_(epoll_create1(EPOLL_CLOEXEC)) {
    watch(EPOLL_CTL_ADD, STDIN_FILENO, EPOLLIN, nullptr);
  }

  void listen_on(const std::string& name, std::uint16_t port, std::uint16_t target) {
    auto& listener = *listeners_.emplace(name, std::make_unique<Listener>()).first->second;
    listener.name = name;
    listener.target = target;
    listener.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    const int yes = 1;
    setsockopt(listener.fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    auto address = loopback(port);
    socklen_t size = sizeof(address);
    auto* raw = reinterpret_cast<sockaddr*>(&address);
    if (bind(listener.fd, raw, size) != 0 || listen(listener.fd, 1024) != 0 ||
        getsockname(listener.fd, raw, &size) != 0) {
      std::fprintf(stderr, "chaos_proxy: cannot listen for %s: %s\n", name.c_str(), std::strerror(errno));
      std::exit(1);
    }
    listener.port = ntohs(address.sin_port);
    listener.source = {.listener = &listener};
    watch(EPOLL_CTL_ADD, listener.fd, EPOLLIN, &listener.source);
  }

  // Where each listener is, for whoever started us.
  void announce() const {
    nlohmann::json ports;
    for (const auto& [name, listener] : listeners_) ports[name] = listener->port;
    say(ports);
  }

  void run() {
    std::array<epoll_event, 256> events{};
    while (!leaving_) {
      const int count = epoll_wait(epoll_, events.data(), events.size(), splitting() ? 1 : -1);
      for (int i = 0; i < count && !leaving_; ++i) {
        auto* source = static_cast<Source*>(events[static_cast<std::size_t>(i)].data.ptr);
        if (source == nullptr) {
          read_commands();
        } else if (source->pair != nullptr) {
          on_pair(*source->pair, source->side, events[static_cast<std::size_t>(i)].events);
        } else {
          accept_all(*source->listener);
        }
      }
      for (auto& [name, listener] : listeners_) {
        if (listener->mode == Mode::split) {
          for (auto& pair : listener->pairs) move(*pair);
        }
        // Only here: until all events of a turn are handled, one of them may still name the pair.
        std::erase_if(listener->pairs, [](const auto& pair) { return pair->dead; });
      }
    }
  }

 private:
  void watch(int operation, int fd, std::uint32_t what, Source* source) const {
    epoll_event event{};
    event.events = what;
    event.data.ptr = source;
    epoll_ctl(epoll_, operation, fd, &event);
  }

  bool splitting() const {
    for (const auto& [name, listener] : listeners_) {
      if (listener->mode == Mode::split) return true;
    }
    return false;
  }

  static void say(const nlohmann::json& line) {
    std::puts(line.dump().c_str());
    std::fflush(stdout);
  }

  // A reset, not an end: whatever the kernels still hold is lost on both sides.
  static void reset(int fd) {
    const linger now{.l_onoff = 1, .l_linger = 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    close(fd);
  }

  static void cut(Pair& pair) {
    if (pair.dead) return;
    pair.dead = true;
    for (const int fd : pair.fds) reset(fd);
  }

  void accept_all(Listener& listener) {
    for (;;) {
      const int client = accept4(listener.fd, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
      if (client < 0) return;
      if (listener.mode == Mode::refuse) {
        reset(client);
        continue;
      }
      auto pair = std::make_unique<Pair>();
      pair->listener = &listener;
      pair->fds = {client, socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
      const int yes = 1;
      for (const int fd : pair->fds) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
      auto target = loopback(listener.target);
      if (connect(pair->fds[1], reinterpret_cast<sockaddr*>(&target), sizeof(target)) != 0 && errno != EINPROGRESS) {
        cut(*pair);
        continue;
      }
      if (listener.mode == Mode::cut_after) pair->left = {listener.bytes, listener.bytes};
      for (int side = 0; side < 2; ++side) {
        pair->sources[static_cast<std::size_t>(side)] = {.listener = &listener, .pair = pair.get(), .side = side};
        watch(EPOLL_CTL_ADD, pair->fds[static_cast<std::size_t>(side)], wanted(*pair, side),
              &pair->sources[static_cast<std::size_t>(side)]);
      }
      listener.pairs.push_back(std::move(pair));
    }
  }

  static std::uint32_t wanted(const Pair& pair, int side) {
    const auto own = static_cast<std::size_t>(side);
    const auto other = 1 - own;
    if (side == 1 && !pair.connected) return EPOLLOUT;
    const bool stalled = pair.listener->mode == Mode::stall;
    std::uint32_t events = 0;
    if (!stalled && !pair.ended[own] && pair.waiting[other].size() < buffer_max) events |= EPOLLIN;
    if (!stalled && pair.listener->mode != Mode::split && !pair.waiting[own].empty()) events |= EPOLLOUT;
    return events;
  }

  void rewatch(Pair& pair) {
    if (pair.dead) return;
    for (int side = 0; side < 2; ++side) {
      watch(EPOLL_CTL_MOD, pair.fds[static_cast<std::size_t>(side)], wanted(pair, side),
            &pair.sources[static_cast<std::size_t>(side)]);
    }
  }

  void on_pair(Pair& pair, int side, std::uint32_t events) {
    if (pair.dead) return;
    if (side == 1 && !pair.connected) {
      int error = 0;
      socklen_t size = sizeof(error);
      getsockopt(pair.fds[1], SOL_SOCKET, SO_ERROR, &error, &size);
      if (error != 0) return cut(pair);
      pair.connected = true;
    }
    // A peer's reset is passed on at once, even through a stall: it is not ours to hide, and epoll would not wait.
    if ((events & (EPOLLERR | EPOLLHUP)) != 0 && (events & EPOLLIN) == 0) return cut(pair);
    if ((events & EPOLLIN) != 0) receive(pair, static_cast<std::size_t>(side));
    if (!pair.dead) move(pair);
    rewatch(pair);
  }

  void receive(Pair& pair, std::size_t side) {
    std::array<char, 65536> bytes{};
    const auto got = read(pair.fds[side], bytes.data(), bytes.size());
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got < 0) return cut(pair);
    if (got == 0) {
      pair.ended[side] = true;
    } else {
      pair.waiting[1 - side].append(bytes.data(), static_cast<std::size_t>(got));
    }
  }

  void move(Pair& pair) {
    if (pair.dead || !pair.connected || pair.listener->mode == Mode::stall) return;
    for (std::size_t to = 0; to < 2 && !pair.dead; ++to) {
      auto& waiting = pair.waiting[to];
      if (pair.shut[to]) waiting.clear();  // it was told that nothing more would come
      if (!waiting.empty()) send_some(pair, to, waiting);
      if (!pair.dead && waiting.empty() && pair.ended[1 - to] && !pair.shut[to]) {
        shutdown(pair.fds[to], SHUT_WR);
        pair.shut[to] = true;
      }
    }
    if (pair.shut[0] && pair.shut[1]) cut(pair);
    if (pair.listener->mode == Mode::split) rewatch(pair);
  }

  void send_some(Pair& pair, std::size_t to, std::string& waiting) {
    auto size = waiting.size();
    if (pair.listener->mode == Mode::split) size = std::min(size, 1 + random_() % split_max);
    if (pair.left[to] >= 0) size = std::min(size, static_cast<std::size_t>(pair.left[to]));
    const auto sent = send(pair.fds[to], waiting.data(), size, MSG_NOSIGNAL);
    if (sent < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (sent < 0) return cut(pair);
    waiting.erase(0, static_cast<std::size_t>(sent));
    if (pair.left[to] < 0) return;
    pair.left[to] -= sent;
    if (pair.left[to] == 0) cut(pair);
  }

  void read_commands() {
    std::array<char, 4096> bytes{};
    const auto got = read(STDIN_FILENO, bytes.data(), bytes.size());
    if (got <= 0) {
      leaving_ = true;
      return;
    }
    commands_.append(bytes.data(), static_cast<std::size_t>(got));
    for (auto end = commands_.find('\n'); end != commands_.npos; end = commands_.find('\n')) {
      obey(nlohmann::json::parse(commands_.substr(0, end)));
      commands_.erase(0, end + 1);
    }
  }

  void obey(const nlohmann::json& command) {
    const std::string action = command.at("do");
    nlohmann::json counts;
    for (const auto& [name, listener] : listeners_) counts[name] = listener->pairs.size();
    if (action == "count") return say(counts);
    auto& listener = *listeners_.at(command.at("listener"));
    if (action == "cut") {
      for (auto& pair : listener.pairs) cut(*pair);
    } else if (action == "half_close") {
      for (auto& pair : listener.pairs) {
        if (pair->dead) continue;
        shutdown(pair->fds[0], SHUT_WR);
        pair->shut[0] = true;
      }
    } else {
      static const std::map<std::string, Mode> modes = {{"pass", Mode::pass},
                                                        {"stall", Mode::stall},
                                                        {"split", Mode::split},
                                                        {"cut_after", Mode::cut_after},
                                                        {"refuse", Mode::refuse}};
      listener.mode = modes.at(action);
      listener.bytes = command.value("bytes", 0L);
      const bool limited = listener.mode == Mode::cut_after;
      for (auto& pair : listener.pairs) {
        pair->left = limited ? std::array<long, 2>{listener.bytes, listener.bytes} : std::array<long, 2>{-1, -1};
        move(*pair);
        rewatch(*pair);
      }
    }
    say({{"done", action}, {"connections", counts[listener.name]}});
  }

  std::mt19937_64 random_;
  int epoll_;
  bool leaving_ = false;
  std::string commands_;
  std::map<std::string, std::unique_ptr<Listener>> listeners_;
};

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{
      "A TCP proxy that spoils connections as it is told on stdin.\n\nExample:\n"
      "  echo '{\"do\":\"count\"}' | chaos_proxy --listen database:0:5432 --seed 1"};
  std::vector<std::string> specs;
  std::uint64_t seed = 1;
  app.add_option("--listen", specs, "NAME:PORT:TARGET, on the loopback; port 0: any")->required();
  app.add_option("--seed", seed, "Of the sizes of split writes");
  CLI11_PARSE(app, argc, argv);
  Proxy proxy(seed);
  for (const auto& spec : specs) {
    const auto parts = CLI::detail::split(spec, ':');
    if (parts.size() != 3) {
      std::fprintf(stderr, "chaos_proxy: --listen takes NAME:PORT:TARGET\n");
      return 2;
    }
    proxy.listen_on(parts[0], static_cast<std::uint16_t>(std::stoul(parts[1])),
                    static_cast<std::uint16_t>(std::stoul(parts[2])));
  }
  proxy.announce();
  proxy.run();
  return 0;
}
