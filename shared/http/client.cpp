#include "shared/http/client.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <unordered_map>

#include "shared/core/assert.h"
#include "shared/http/download.h"

namespace tenantry::http {
namespace {

constexpr std::size_t response_header_size_max = 64UL * 1024;
constexpr long redirects_max = 3;
constexpr std::array<std::uint16_t, 4> web_ports = {80, 443, 8080, 8443};

void start_curl() {
  static const bool started = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
  TENANTRY_ASSERT(started);
}

struct FreeEasy {
  void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};
using Easy = std::unique_ptr<CURL, FreeEasy>;

struct FreeMulti {
  void operator()(CURLM* multi) const { curl_multi_cleanup(multi); }
};
using Multi = std::unique_ptr<CURLM, FreeMulti>;

struct FreeList {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using List = std::unique_ptr<curl_slist, FreeList>;

void append(List& list, const std::string& text) {
  auto* const longer = curl_slist_append(list.get(), text.c_str());
  TENANTRY_ASSERT(longer != nullptr);
  static_cast<void>(list.release());
  list.reset(longer);
}

bool has_line_break(std::string_view text) {
  return text.find_first_of(std::string_view{"\r\n\0", 3}) != std::string_view::npos;
}

bool is_public_v4(std::uint32_t address) {  // host order
  struct Range {
    std::uint32_t network;
    int bits;
  };
  // IANA's special-purpose registry: what is not globally reachable, and multicast and above.
  static constexpr Range closed[] = {{0x00000000, 8},  {0x0A000000, 8},  {0x64400000, 10}, {0x7F000000, 8},
                                     {0xA9FE0000, 16}, {0xAC100000, 12}, {0xC0000000, 24}, {0xC0000200, 24},
                                     {0xC0586300, 24}, {0xC0A80000, 16}, {0xC6120000, 15}, {0xC6336400, 24},
                                     {0xCB007100, 24}, {0xE0000000, 3}};
  return std::ranges::none_of(closed,
                              [&](const Range& range) { return (address ^ range.network) >> (32 - range.bits) == 0; });
}

std::uint32_t read_v4(const std::uint8_t* bytes) {
  return std::uint32_t{bytes[0]} << 24 | std::uint32_t{bytes[1]} << 16 | std::uint32_t{bytes[2]} << 8 | bytes[3];
}

bool is_public_v6(const std::array<std::uint8_t, 16>& bytes) {
  const auto starts = [&](std::initializer_list<int> head) {
    return std::equal(head.begin(), head.end(), bytes.begin(), [](int a, std::uint8_t b) { return a == b; });
  };
  if (starts({0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0})) return is_public_v4(read_v4(&bytes[12]));  // NAT64
  if (starts({0x20, 0x02})) return is_public_v4(read_v4(&bytes[2]));                                    // 6to4
  if (starts({0x20, 0x01, 0x0d, 0xb8}) || (starts({0x20, 0x01}) && bytes[2] < 0x02))
    return false;                    // documentation, Teredo
  return (bytes[0] & 0xE0) == 0x20;  // global unicast; v4-mapped, ULA, link-local and multicast are outside
}

bool is_public(const sockaddr* address) {
  if (address->sa_family == AF_INET) {
    return is_public_v4(ntohl(reinterpret_cast<const sockaddr_in*>(address)->sin_addr.s_addr));
  }
  if (address->sa_family != AF_INET6) return false;
  std::array<std::uint8_t, 16> bytes{};
  std::memcpy(bytes.data(), &reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr, bytes.size());
  return is_public_v6(bytes);
}

bool is_web_port(const sockaddr* address) {
  const auto port = ntohs(address->sa_family == AF_INET ? reinterpret_cast<const sockaddr_in*>(address)->sin_port
                                                        : reinterpret_cast<const sockaddr_in6*>(address)->sin6_port);
  return std::ranges::find(web_ports, port) != web_ports.end();
}

// One exchange with libcurl: what its callbacks fill in.
struct Transfer {
  ClientRequest request;
  List headers{};
  ClientResponse response{};
  std::size_t header_size = 0;
  bool too_large = false;
  bool refused = false;
  std::array<char, CURL_ERROR_SIZE> reason{};
};

std::size_t on_body(char* bytes, std::size_t, std::size_t count, void* context) {
  auto& transfer = *static_cast<Transfer*>(context);
  if (transfer.response.body.size() + count > transfer.request.response_size_max) {
    transfer.too_large = true;
    return 0;
  }
  transfer.response.body.append(bytes, count);
  return count;
}

std::size_t on_header(char* bytes, std::size_t, std::size_t count, void* context) {
  auto& transfer = *static_cast<Transfer*>(context);
  transfer.header_size += count;
  if (transfer.header_size > response_header_size_max) {
    transfer.too_large = true;
    return 0;
  }
  std::string_view line{bytes, count};
  while (!line.empty() && (line.back() == '\r' || line.back() == '\n')) line.remove_suffix(1);
  if (line.starts_with("HTTP/")) {  // after 100 Continue or a redirect: a new answer
    transfer.response.headers = {};
    return count;
  }
  const auto colon = line.find(':');
  if (colon == std::string_view::npos) return count;
  auto value = line.substr(colon + 1);
  while (value.starts_with(' ') || value.starts_with('\t')) value.remove_prefix(1);
  transfer.response.headers.add(std::string{line.substr(0, colon)}, std::string{value});
  return count;
}

// The address is checked as it is connected to, so that no second resolution can change it.
curl_socket_t open_socket(void* context, curlsocktype, curl_sockaddr* to) {
  auto& transfer = *static_cast<Transfer*>(context);
  if (!transfer.request.allow_private_addresses && (!is_public(&to->addr) || !is_web_port(&to->addr))) {
    transfer.refused = true;
    return CURL_SOCKET_BAD;
  }
  return socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
}

template <class Value>
void set(CURL* easy, CURLoption option, Value value) {
  const auto result = curl_easy_setopt(easy, option, value);
  TENANTRY_ASSERT(result == CURLE_OK);
}

Result<void> prepare(CURL* easy, Transfer& transfer) {
  const auto& request = transfer.request;
  if (has_line_break(request.url) || has_line_break(request.method))
    return Error::invalid("", "url", "a URL is one line");

  set(easy, CURLOPT_NOSIGNAL, 1L);
  set(easy, CURLOPT_PROXY, "");
  set(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  set(easy, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
  set(easy, CURLOPT_FOLLOWLOCATION, request.follow_redirects ? 1L : 0L);
  set(easy, CURLOPT_MAXREDIRS, redirects_max);
  set(easy, CURLOPT_URL, request.url.c_str());
  set(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(request.timeout.count()));
  set(easy, CURLOPT_ERRORBUFFER, transfer.reason.data());
  set(easy, CURLOPT_OPENSOCKETFUNCTION, &open_socket);
  set(easy, CURLOPT_OPENSOCKETDATA, static_cast<void*>(&transfer));
  set(easy, CURLOPT_WRITEFUNCTION, &on_body);
  set(easy, CURLOPT_WRITEDATA, static_cast<void*>(&transfer));
  set(easy, CURLOPT_HEADERFUNCTION, &on_header);
  set(easy, CURLOPT_HEADERDATA, static_cast<void*>(&transfer));
  if (!request.allow_private_addresses)
    set(easy, CURLOPT_FRESH_CONNECT, 1L);  // one opened under other rules is no proof

  if (request.method == "HEAD") {
    set(easy, CURLOPT_NOBODY, 1L);
  } else if (!request.body.empty() || request.method == "POST" || request.method == "PUT" ||
             request.method == "PATCH") {
    set(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    set(easy, CURLOPT_POSTFIELDS, request.body.data());
  }
  if (request.method != "HEAD") set(easy, CURLOPT_CUSTOMREQUEST, request.method.c_str());

  append(transfer.headers, "Expect:");  // no round trip of 100-continue
  if (!request.headers.get("Content-Type")) append(transfer.headers, "Content-Type:");
  for (const auto& [name, value] : request.headers) {
    if (has_line_break(name) || has_line_break(value))
      return Error::invalid("", "header", "a header field is one line");
    append(transfer.headers, value.empty() ? name + ";" : name + ": " + value);
  }
  set(easy, CURLOPT_HTTPHEADER, transfer.headers.get());
  if (request.basic_auth) {
    set(easy, CURLOPT_HTTPAUTH, static_cast<long>(CURLAUTH_BASIC));
    set(easy, CURLOPT_USERNAME, request.basic_auth->user.c_str());
    set(easy, CURLOPT_PASSWORD, request.basic_auth->password.c_str());
  }
  return {};
}

Error transport_error(CURLcode result, const char* reason) {
  const std::string text = reason != nullptr && *reason != '\0' ? reason : curl_easy_strerror(result);
  if (result == CURLE_OPERATION_TIMEDOUT) return {.code = Errc::timeout, .reason = "timeout", .message = text};
  if (result == CURLE_URL_MALFORMAT || result == CURLE_UNSUPPORTED_PROTOCOL) return Error::invalid("", "url", text);
  return {.code = Errc::unavailable, .reason = "unavailable", .message = text};
}

Result<ClientResponse> outcome(CURL* easy, Transfer& transfer, CURLcode result) {
  if (result == CURLE_OK) {
    long status = 0;
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    transfer.response.status = static_cast<int>(status);
    return std::move(transfer.response);
  }
  if (transfer.refused) {
    return Error{.code = Errc::refused,
                 .reason = "address_refused",
                 .message = "the URL leads to an address or port that is not public"};
  }
  if (transfer.too_large) {
    return Error{.code = Errc::too_large, .reason = "response_too_large", .message = "the answer is too large"};
  }
  return transport_error(result, transfer.reason.data());
}

}  // namespace

bool is_public_address(const std::string& address) {
  in_addr v4{};
  if (inet_pton(AF_INET, address.c_str(), &v4) == 1) return is_public_v4(ntohl(v4.s_addr));
  std::array<std::uint8_t, 16> v6{};
  return inet_pton(AF_INET6, address.c_str(), v6.data()) == 1 && is_public_v6(v6);
}

struct HttpClient::State {
  Multi multi;  // has the connections
};

HttpClient::HttpClient() {
  start_curl();
  state_ = std::make_unique<State>(State{Multi{curl_multi_init()}});
  TENANTRY_ASSERT(state_->multi);
}

HttpClient::~HttpClient() = default;

Result<ClientResponse> HttpClient::perform(const ClientRequest& request) {
  return std::move(perform_all({&request, 1}, 1).front());
}

std::vector<Result<ClientResponse>> HttpClient::perform_all(std::span<const ClientRequest> requests,
                                                            int connections_max) {
  struct Flight {
    Transfer transfer;
    Easy easy{curl_easy_init()};
    std::optional<Result<ClientResponse>> result{};
  };
  auto* const multi = state_->multi.get();
  curl_multi_setopt(multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, static_cast<long>(connections_max));
  std::vector<Flight> flights(requests.size());  // libcurl keeps pointers into them
  std::size_t under_way = 0;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    auto& flight = flights[i];
    TENANTRY_ASSERT(flight.easy);
    flight.transfer.request = requests[i];
    if (auto prepared = prepare(flight.easy.get(), flight.transfer); !prepared) {
      flight.result = prepared.error();
      continue;
    }
    set(flight.easy.get(), CURLOPT_PRIVATE, static_cast<void*>(&flight));
    TENANTRY_ASSERT(curl_multi_add_handle(multi, flight.easy.get()) == CURLM_OK);
    ++under_way;
  }
  while (under_way > 0) {
    int running = 0;
    TENANTRY_ASSERT(curl_multi_perform(multi, &running) == CURLM_OK);
    int left = 0;
    while (const auto* const message = curl_multi_info_read(multi, &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      auto* const easy = message->easy_handle;
      const auto code = message->data.result;
      Flight* flight = nullptr;
      curl_easy_getinfo(easy, CURLINFO_PRIVATE, &flight);
      curl_multi_remove_handle(multi, easy);
      flight->result = outcome(easy, flight->transfer, code);
      --under_way;
    }
    if (under_way > 0) TENANTRY_ASSERT(curl_multi_poll(multi, nullptr, 0, 1'000, nullptr) == CURLM_OK);
  }
  std::vector<Result<ClientResponse>> out;
  for (auto& flight : flights) out.push_back(*std::move(flight.result));
  return out;
}

namespace {

struct Download {
  Transfer transfer;
  CURL* easy;
  const TakeBytes& take;
  bool enough = false;
};

std::size_t on_piece(char* bytes, std::size_t size, std::size_t count, void* context) {
  auto& download = *static_cast<Download*>(context);
  long status = 0;
  curl_easy_getinfo(download.easy, CURLINFO_RESPONSE_CODE, &status);
  if (status < 200 || status > 299) return on_body(bytes, size, count, &download.transfer);
  download.enough = !download.take({bytes, count});
  return download.enough ? 0 : count;
}

}  // namespace

Result<ClientResponse> download(const ClientRequest& request, Seconds silence_max, const TakeBytes& take) {
  start_curl();
  const Easy easy{curl_easy_init()};
  TENANTRY_ASSERT(easy);
  Download download{.transfer = {.request = request}, .easy = easy.get(), .take = take};
  if (auto prepared = prepare(easy.get(), download.transfer); !prepared) return prepared.error();
  set(easy.get(), CURLOPT_TIMEOUT_MS, 0L);
  set(easy.get(), CURLOPT_LOW_SPEED_LIMIT, 1L);
  set(easy.get(), CURLOPT_LOW_SPEED_TIME, static_cast<long>(silence_max.count()));
  set(easy.get(), CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(request.timeout.count()));
  set(easy.get(), CURLOPT_WRITEFUNCTION, &on_piece);
  set(easy.get(), CURLOPT_WRITEDATA, static_cast<void*>(&download));
  const auto result = curl_easy_perform(easy.get());
  return outcome(easy.get(), download.transfer, download.enough ? CURLE_OK : result);
}

// libcurl says which sockets and which moment to wait for; libuv waits.
struct AsyncClient::State : std::enable_shared_from_this<State> {
  struct Flight {
    Transfer transfer;
    Easy easy;
    Callback callback;
  };
  struct Watch {
    uv_poll_t poll{};
    State* state;
    curl_socket_t socket;
  };

  loop::Loop& loop;
  CURLM* multi;
  loop::Timer timer;
  std::unordered_map<CURL*, std::unique_ptr<Flight>> flights{};

  explicit State(loop::Loop& on) : loop(on), multi(curl_multi_init()), timer(on) {
    TENANTRY_ASSERT(multi != nullptr);
    curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, &on_socket);
    curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, this);
    curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, &on_timer);
    curl_multi_setopt(multi, CURLMOPT_TIMERDATA, this);
  }

  void close() {
    timer.stop();
    for (const auto& [easy, flight] : flights) curl_multi_remove_handle(multi, easy);
    flights.clear();
    curl_multi_cleanup(std::exchange(multi, nullptr));
    timer.stop();
  }

  static int on_socket(CURL*, curl_socket_t socket, int what, void* context, void* socket_context) {
    auto* const state = static_cast<State*>(context);
    auto* watch = static_cast<Watch*>(socket_context);
    if (what == CURL_POLL_REMOVE) {
      if (watch == nullptr) return 0;
      curl_multi_assign(state->multi, socket, nullptr);
      uv_poll_stop(&watch->poll);
      uv_close(reinterpret_cast<uv_handle_t*>(&watch->poll),
               [](uv_handle_t* handle) { delete static_cast<Watch*>(handle->data); });
      return 0;
    }
    if (watch == nullptr) {
      watch = new Watch{.state = state, .socket = socket};
      watch->poll.data = watch;
      TENANTRY_ASSERT(uv_poll_init_socket(state->loop.native(), &watch->poll, socket) == 0);
      curl_multi_assign(state->multi, socket, watch);
    }
    const int events = ((what & CURL_POLL_IN) != 0 ? UV_READABLE : 0) | ((what & CURL_POLL_OUT) != 0 ? UV_WRITABLE : 0);
    uv_poll_start(&watch->poll, events, [](uv_poll_t* poll, int status, int ready) {
      const auto* const of = static_cast<Watch*>(poll->data);
      const int flags = status < 0 ? CURL_CSELECT_ERR
                                   : ((ready & UV_READABLE) != 0 ? CURL_CSELECT_IN : 0) |
                                         ((ready & UV_WRITABLE) != 0 ? CURL_CSELECT_OUT : 0);
      of->state->act(of->socket, flags);
    });
    return 0;
  }

  static int on_timer(CURLM*, long milliseconds, void* context) {
    auto* const state = static_cast<State*>(context);
    if (milliseconds < 0) {
      state->timer.stop();
    } else {
      state->timer.start(Milliseconds{milliseconds}, [state] { state->act(CURL_SOCKET_TIMEOUT, 0); });
    }
    return 0;
  }

  void act(curl_socket_t socket, int flags) {
    int running = 0;
    curl_multi_socket_action(multi, socket, flags, &running);
    int left = 0;
    while (const auto* const message = curl_multi_info_read(multi, &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      auto* const easy = message->easy_handle;
      const auto result = message->data.result;
      curl_multi_remove_handle(multi, easy);
      const auto flight = std::move(flights.extract(easy).mapped());
      flight->callback(outcome(easy, flight->transfer, result));
    }
  }
};

AsyncClient::AsyncClient(loop::Loop& loop) {
  start_curl();
  state_ = std::make_shared<State>(loop);
}

AsyncClient::~AsyncClient() {
  state_->close();
}

void AsyncClient::perform(ClientRequest request, Callback callback) {
  auto flight = std::make_unique<State::Flight>(State::Flight{
      .transfer = {.request = std::move(request)}, .easy = Easy{curl_easy_init()}, .callback = std::move(callback)});
  auto* const easy = flight->easy.get();
  TENANTRY_ASSERT(easy != nullptr);
  if (auto prepared = prepare(easy, flight->transfer); !prepared) {
    state_->loop.post([error = prepared.error(), weak = std::weak_ptr{state_}, answer = std::move(flight->callback)] {
      if (weak.lock()) answer(error);
    });
    return;
  }
  state_->flights.emplace(easy, std::move(flight));
  TENANTRY_ASSERT(curl_multi_add_handle(state_->multi, easy) == CURLM_OK);
}

namespace {

struct Upload {
  std::string text;
  std::size_t sent = 0;
};

std::size_t on_upload(char* out, std::size_t size, std::size_t count, void* context) {
  auto& upload = *static_cast<Upload*>(context);
  const auto part = std::min(size * count, upload.text.size() - upload.sent);
  std::memcpy(out, upload.text.data() + upload.sent, part);
  upload.sent += part;
  return part;
}

std::string with_crlf(std::string_view text) {
  std::string lines;
  lines.reserve(text.size() + text.size() / 32);
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\n' && (i == 0 || text[i - 1] != '\r')) lines += '\r';
    lines += text[i];
  }
  return lines;
}

}  // namespace

Result<void> send_mail(const SmtpOptions& options, const std::string& from, const std::vector<std::string>& recipients,
                       std::string_view message) {
  start_curl();
  const auto is_address = [](const std::string& text) {
    return text.find('@') != std::string::npos &&
           text.find_first_of(std::string_view{"\r\n<> \0", 6}) == std::string::npos;
  };
  if (!is_address(from) || recipients.empty() || !std::ranges::all_of(recipients, is_address)) {
    return Error::invalid("", "mail_address", "a mail has a sender and recipients, each one address");
  }
  const Easy easy{curl_easy_init()};
  TENANTRY_ASSERT(easy);
  List to;
  for (const auto& recipient : recipients) append(to, "<" + recipient + ">");
  Upload upload{with_crlf(message)};
  std::array<char, CURL_ERROR_SIZE> reason{};

  set(easy.get(), CURLOPT_NOSIGNAL, 1L);
  set(easy.get(), CURLOPT_PROXY, "");
  set(easy.get(), CURLOPT_PROTOCOLS_STR, "smtp,smtps");
  set(easy.get(), CURLOPT_URL, options.url.c_str());
  set(easy.get(), CURLOPT_TIMEOUT_MS, static_cast<long>(options.timeout.count()));
  set(easy.get(), CURLOPT_ERRORBUFFER, reason.data());
  set(easy.get(), CURLOPT_MAIL_FROM, ("<" + from + ">").c_str());
  set(easy.get(), CURLOPT_MAIL_RCPT, to.get());
  set(easy.get(), CURLOPT_UPLOAD, 1L);
  set(easy.get(), CURLOPT_READFUNCTION, &on_upload);
  set(easy.get(), CURLOPT_READDATA, static_cast<void*>(&upload));
  if (options.starttls) set(easy.get(), CURLOPT_USE_SSL, static_cast<long>(CURLUSESSL_ALL));
  if (options.login) {
    set(easy.get(), CURLOPT_USERNAME, options.login->user.c_str());
    set(easy.get(), CURLOPT_PASSWORD, options.login->password.c_str());
  }
  const auto result = curl_easy_perform(easy.get());
  if (result == CURLE_OK) return {};
  long reply = 0;
  curl_easy_getinfo(easy.get(), CURLINFO_RESPONSE_CODE, &reply);
  if (reply >= 500 && reply < 600) {
    auto error = Error::invalid("", "mail_refused", "the mail server refused: " + std::to_string(reply));
    error.reason = "mail_refused";
    return error;
  }
  return transport_error(result, reason.data());
}

}  // namespace tenantry::http
