// A server on a loop thread of its own and plain sockets to talk to it, for tests.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <future>
#include <memory>
#include <string>

#include "shared/http/server.h"

namespace tenantry::http {

class TestServer {
 public:
  explicit TestServer(Handler handler, ServerOptions options = {}) {
    thread.run_sync([&] {
      server = std::make_unique<Server>(thread.loop(), options, std::move(handler));
      ASSERT_TRUE(server->listen());
    });
    port = server->port();
  }
  ~TestServer() {
    thread.run_sync([&] { server.reset(); });
  }
  std::string url(const std::string& path) const { return "http://127.0.0.1:" + std::to_string(port) + path; }

  loop::LoopThread thread;
  std::unique_ptr<Server> server;
  std::uint16_t port = 0;
};

class Socket {
 public:
  explicit Socket(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    const int on = 1;
    setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    const timeval patience{.tv_sec = 10, .tv_usec = 0};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  }
  ~Socket() { ::close(fd_); }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  void send(std::string_view bytes) const {
    while (!bytes.empty()) {
      const auto count = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (count <= 0) return;
      bytes.remove_prefix(static_cast<std::size_t>(count));
    }
  }
  void end() const { shutdown(fd_, SHUT_WR); }

  // Some bytes; empty once the server has closed.
  std::string receive() const {
    std::array<char, 65536> buffer{};
    const auto count = recv(fd_, buffer.data(), buffer.size(), 0);
    return count > 0 ? std::string{buffer.data(), static_cast<std::size_t>(count)} : std::string{};
  }
  std::string receive_until(std::string_view text) const {
    std::string all;
    while (all.find(text) == std::string::npos) {
      const auto some = receive();
      if (some.empty()) break;
      all += some;
    }
    return all;
  }
  std::string receive_all() const {
    std::string all;
    for (auto some = receive(); !some.empty(); some = receive()) all += some;
    return all;
  }

 private:
  int fd_;
};

inline int status_in(const std::string& answer) {
  return answer.size() > 12 && answer.starts_with("HTTP/1.1 ") ? std::stoi(answer.substr(9, 3)) : 0;
}

// Method, path and body, so that a test sees what the handler saw.
inline void echo(const std::shared_ptr<Exchange>& exchange) {
  const auto& request = exchange->request();
  exchange->respond({.body = std::string{to_string(request.method)} + " " + request.path + " [" + request.body + "]"});
}

}  // namespace tenantry::http
