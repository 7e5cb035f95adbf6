// HTTP and SMTP clients over libcurl. HttpClient blocks and is for lane threads;
// AsyncClient runs on a loop. Both follow no redirect, ignore proxy variables and
// speak http and https only.
//
// A status is an answer, whatever it is; an Error says that there was none:
// Errc::timeout, unavailable (transport), too_large (the answer), refused (a private
// address while those are forbidden), invalid (the URL).
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "shared/core/time.h"
#include "shared/http/message.h"
#include "shared/loop/loop.h"

namespace tenantry::http {

struct Credentials {
  std::string user;
  std::string password;
};

struct ClientRequest {
  std::string method = "GET";
  std::string url;
  Headers headers{};
  std::string body{};
  std::optional<Credentials> basic_auth{};
  Milliseconds timeout{10'000};  // for the whole exchange
  bool follow_redirects = false;
  // False for URLs that a tenant gave (security.md H12): the address that is connected
  // to must be public, whatever the name resolved to before, and the port a web port.
  bool allow_private_addresses = true;
  std::size_t response_size_max = 10UL * 1024 * 1024;
};

struct ClientResponse {
  int status = 0;
  Headers headers{};
  std::string body{};
};

// Not thread-safe: one per thread. Keeps its connections alive between calls.
class HttpClient {
 public:
  HttpClient();
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  Result<ClientResponse> perform(const ClientRequest& request);

  // All of them, at most `connections_max` at a time, in no order. The answers are in the requests' order.
  std::vector<Result<ClientResponse>> perform_all(std::span<const ClientRequest> requests, int connections_max);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Made, used and destroyed on the loop thread, or while the loop is not running.
class AsyncClient {
 public:
  using Callback = std::function<void(Result<ClientResponse>)>;

  explicit AsyncClient(loop::Loop& loop);
  ~AsyncClient();  // requests in flight are dropped without their callback
  AsyncClient(const AsyncClient&) = delete;
  AsyncClient& operator=(const AsyncClient&) = delete;

  // The callback runs on the loop, after perform() has returned. It must not destroy the client.
  void perform(ClientRequest request, Callback callback);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

struct SmtpOptions {
  std::string url;  // "smtp://host:port" or "smtps://..."
  std::optional<Credentials> login{};
  bool starttls = false;  // required, not merely tried
  Milliseconds timeout{30'000};
};

// `message` is a whole RFC 5322 text; its line ends become CRLF. Blocks. A 4xx reply
// or a lost connection is Errc::unavailable; a 5xx is Errc::invalid ("mail_refused").
Result<void> send_mail(const SmtpOptions& options, const std::string& from, const std::vector<std::string>& recipients,
                       std::string_view message);

// Whether a textual IPv4 or IPv6 address is one that a tenant's URL may lead to:
// not loopback, private, link-local, shared, multicast, reserved, nor one of those
// inside an IPv6 form.
bool is_public_address(const std::string& address);

}  // namespace tenantry::http
