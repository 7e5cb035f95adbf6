#include "shared/dns/resolver.h"

#include <ares.h>
#include <arpa/nameser.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <memory>
#include <mutex>

#include "shared/core/assert.h"

namespace tenantry::dns {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr std::size_t texts_max = 50;
constexpr std::size_t text_size_max = 512;
constexpr int attempt_ms = 2'000;
constexpr int attempts = 2;

struct FreeChannel {
  void operator()(ares_channel channel) const { ares_destroy(channel); }
};
using Channel = std::unique_ptr<std::remove_pointer_t<ares_channel>, FreeChannel>;

void initialise() {
  static std::once_flag once;
  std::call_once(once, [] { TENANTRY_ASSERT(ares_library_init(ARES_LIB_INIT_ALL) == ARES_SUCCESS); });
}

Result<Channel> open_channel(const std::string& servers) {
  initialise();
  ares_options options{};
  options.timeout = attempt_ms;
  options.tries = attempts;
  ares_channel raw = nullptr;
  if (const int status = ares_init_options(&raw, &options, ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES);
      status != ARES_SUCCESS) {
    return Error{.code = Errc::unavailable, .reason = "resolver", .message = ares_strerror(status)};
  }
  Channel channel(raw);
  if (!servers.empty() && ares_set_servers_ports_csv(raw, servers.c_str()) != ARES_SUCCESS) {
    return Error::invalid("", "servers", "must be addresses of name servers, with a port where it is not 53");
  }
  return channel;
}

// Strings of one record follow each other; the first of each says so.
std::vector<std::string> texts_in(const unsigned char* answer, int size, int& status) {
  ares_txt_ext* first = nullptr;
  status = ares_parse_txt_reply_ext(answer, size, &first);
  const std::unique_ptr<ares_txt_ext, decltype(&ares_free_data)> list(first, &ares_free_data);
  std::vector<std::string> out;
  for (const auto* part = first; part != nullptr; part = part->next) {
    if (part->record_start != 0) {
      if (out.size() == texts_max) break;
      out.emplace_back();
    }
    if (out.empty()) break;
    for (std::size_t i = 0; i < part->length && out.back().size() < text_size_max; ++i) {
      out.back() += static_cast<char>(part->txt[i]);
    }
  }
  return out;
}

void take_answer(void* into, int status, int, unsigned char* answer, int size) {
  auto& out = *static_cast<TxtAnswer*>(into);
  if (status == ARES_SUCCESS) out.texts = texts_in(answer, size, status);
  if (status == ARES_SUCCESS && !out.texts.empty()) {
    out.kind = TxtAnswer::Kind::found;
  } else if (status == ARES_SUCCESS || status == ARES_ENODATA || status == ARES_ENOTFOUND) {
    out.kind = TxtAnswer::Kind::absent;
  } else {
    out.error = ares_strerror(status);
  }
}

// Until nobody is awaited any more.
void await(ares_channel channel, SteadyClock::time_point until) {
  for (;;) {
    std::array<ares_socket_t, ARES_GETSOCK_MAXNUM> sockets{};
    const auto wanted = static_cast<unsigned>(ares_getsock(channel, sockets.data(), ARES_GETSOCK_MAXNUM));
    std::array<pollfd, ARES_GETSOCK_MAXNUM> polled{};
    nfds_t count = 0;
    for (unsigned i = 0; i < ARES_GETSOCK_MAXNUM; ++i) {
      short events = 0;
      if (ARES_GETSOCK_READABLE(wanted, i)) events |= POLLIN;
      if (ARES_GETSOCK_WRITABLE(wanted, i)) events |= POLLOUT;
      if (events != 0) polled[count++] = {sockets[i], events, 0};
    }
    if (count == 0) return;
    const auto left = std::chrono::duration_cast<Milliseconds>(until - SteadyClock::now()).count();
    if (left <= 0) return ares_cancel(channel);
    timeval most{left / 1000, (left % 1000) * 1000};
    timeval next{};
    const auto* wait = ares_timeout(channel, &most, &next);
    poll(polled.data(), count, static_cast<int>(wait->tv_sec * 1000 + wait->tv_usec / 1000 + 1));
    for (nfds_t i = 0; i < count; ++i) {
      const bool readable = (polled[i].revents & (POLLIN | POLLERR | POLLHUP)) != 0;
      const bool writable = (polled[i].revents & (POLLOUT | POLLERR | POLLHUP)) != 0;
      ares_process_fd(channel, readable ? polled[i].fd : ARES_SOCKET_BAD, writable ? polled[i].fd : ARES_SOCKET_BAD);
    }
    if (std::ranges::all_of(polled, [](const pollfd& each) { return each.revents == 0; })) {
      ares_process_fd(channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);  // timeouts
    }
  }
}

}  // namespace

Result<FindTxt> txt_resolver(const std::string& servers, Milliseconds deadline) {
  if (const auto channel = open_channel(servers); !channel) return channel.error();
  return FindTxt([servers, deadline](const std::vector<std::string>& names) {
    std::vector<TxtAnswer> out(names.size());
    const auto channel = open_channel(servers);
    if (!channel) {
      for (auto& answer : out) answer.error = channel.error().message;
      return out;
    }
    for (std::size_t i = 0; i < names.size(); ++i) {
      ares_query(channel->get(), names[i].c_str(), ns_c_in, ns_t_txt, &take_answer, &out[i]);
    }
    await(channel->get(), SteadyClock::now() + deadline);
    return out;
  });
}

}  // namespace tenantry::dns
