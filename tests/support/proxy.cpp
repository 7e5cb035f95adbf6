#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <stdexcept>

#include "tests/support/services.h"

namespace tenantry::testing {
namespace {

sockaddr_in address(const std::string& host, std::uint16_t port) {
  sockaddr_in out{};
  out.sin_family = AF_INET;
  out.sin_port = htons(port);
  if (inet_pton(AF_INET, host.c_str(), &out.sin_addr) != 1)
    throw std::runtime_error("proxy: " + host + " is no IPv4 address");
  return out;
}

bool send_all(int to, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto sent = send(to, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

}  // namespace

struct Proxy::Pair {
  int client = -1;
  int server = -1;
  std::string said;  // by the client, its beginning; guarded by the proxy's mutex
};

Proxy::Proxy(std::string host, std::uint16_t port) : host_(std::move(host)), target_port_(port) {
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  auto local = address("127.0.0.1", 0);
  socklen_t length = sizeof(local);
  auto* const raw = reinterpret_cast<sockaddr*>(&local);
  if (bind(listener_, raw, sizeof(local)) != 0 || listen(listener_, 64) != 0 ||
      getsockname(listener_, raw, &length) != 0 || pipe(wake_) != 0) {
    throw std::runtime_error("proxy: cannot listen");
  }
  port_ = ntohs(local.sin_port);
  acceptor_ = std::thread([this] { accept(); });
}

Proxy::~Proxy() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    for (const auto& pair : pairs_) {
      shutdown(pair->client, SHUT_RDWR);
      shutdown(pair->server, SHUT_RDWR);
    }
  }
  close(wake_[1]);
  acceptor_.join();
  for (auto& thread : threads_) thread.join();
  for (const auto& pair : pairs_) {
    close(pair->client);
    close(pair->server);
  }
  close(wake_[0]);
  close(listener_);
}

void Proxy::accept() {
  for (;;) {
    std::array<pollfd, 2> fds{pollfd{listener_, POLLIN, 0}, pollfd{wake_[0], POLLIN, 0}};
    poll(fds.data(), fds.size(), -1);
    if (fds[1].revents != 0) return;
    auto pair = std::make_shared<Pair>();
    pair->client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    pair->server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    auto target = address(host_, target_port_);
    const bool connected = connect(pair->server, reinterpret_cast<sockaddr*>(&target), sizeof(target)) == 0;
    const std::lock_guard lock(mutex_);
    pairs_.push_back(pair);
    if (stopping_ || !connected) {
      shutdown(pair->client, SHUT_RDWR);
      continue;
    }
    threads_.emplace_back([this, pair] { pump(pair); });
  }
}

void Proxy::pump(std::shared_ptr<Pair> pair) {
  std::array<char, 16384> buffer{};
  bool swallowing = false;
  for (;;) {
    std::array<pollfd, 2> fds{pollfd{pair->client, POLLIN, 0}, pollfd{pair->server, POLLIN, 0}};
    poll(fds.data(), fds.size(), -1);
    const bool from_client = fds[0].revents != 0 && !swallowing;
    const auto size = read(from_client ? pair->client : pair->server, buffer.data(), buffer.size());
    if (size <= 0) break;
    const std::string_view bytes(buffer.data(), static_cast<std::size_t>(size));
    if (from_client) {
      const std::lock_guard lock(mutex_);
      if (pair->said.size() < 16384) pair->said += bytes;
      if (!swallow_.empty() && bytes.find(swallow_) != bytes.npos) {
        swallow_.clear();
        swallowing = true;
      }
    } else if (swallowing) {
      const std::lock_guard lock(mutex_);
      swallowed_ = true;
      break;
    }
    if (!send_all(from_client ? pair->server : pair->client, bytes)) break;
  }
  shutdown(pair->client, SHUT_RDWR);
  shutdown(pair->server, SHUT_RDWR);
}

void Proxy::swallow_answer_to(std::string text) {
  const std::lock_guard lock(mutex_);
  swallow_ = std::move(text);
}

bool Proxy::swallowed() const {
  const std::lock_guard lock(mutex_);
  return swallowed_;
}

int Proxy::cut(const std::string& text) {
  const std::lock_guard lock(mutex_);
  int count = 0;
  for (const auto& pair : pairs_) {
    if (pair->said.find(text) == pair->said.npos) continue;
    shutdown(pair->client, SHUT_RDWR);
    shutdown(pair->server, SHUT_RDWR);
    ++count;
  }
  return count;
}

Endpoint endpoint_of(const std::string& url) {
  const auto host = url.find('@') + 1;
  const auto colon = url.find(':', host);
  return {url.substr(host, colon - host), static_cast<std::uint16_t>(std::stoi(url.substr(colon + 1)))};
}

std::string with_endpoint(const std::string& url, const Endpoint& endpoint) {
  const auto host = url.find('@') + 1;
  return url.substr(0, host) + endpoint.host + ":" + std::to_string(endpoint.port) + url.substr(url.find('/', host));
}

}  // namespace tenantry::testing
