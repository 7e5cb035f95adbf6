#include "shared/http/request_parser.h"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>
#include <optional>

#include "shared/core/assert.h"

namespace tenantry::http {
namespace {

namespace beast = boost::beast::http;
using boost::system::error_code;
using Text = boost::beast::string_view;

constexpr std::string_view methods_served = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";

std::string_view view(Text text) {
  return {text.data(), text.size()};
}

Method to_method(beast::verb verb) {
  switch (verb) {
    case beast::verb::get:
      return Method::get;
    case beast::verb::head:
      return Method::head;
    case beast::verb::post:
      return Method::post;
    case beast::verb::put:
      return Method::put;
    case beast::verb::patch:
      return Method::patch;
    case beast::verb::delete_:
      return Method::delete_;
    case beast::verb::options:
      return Method::options;
    default:
      return Method::other;
  }
}

Refusal malformed(std::string detail) {
  return {.detail = std::move(detail)};
}

Refusal refusal_of(const error_code& failure) {
  if (failure == beast::error::body_limit) return {413, "too_large", "The body is too large."};
  if (failure == beast::error::header_limit) return {431, "header_too_large", "The header is too large."};
  if (failure == beast::error::bad_version) return {505, "version_not_supported", "This server speaks HTTP/1.1."};
  return {};
}

// Beast takes it for granted, by an assertion, that once it has seen the last chunk's line it sees it again with all
// that ends a body: byte by byte, this would end the process.
constexpr std::string_view last_chunk = "0\r\n";
constexpr std::string_view shortest_end = "0\r\n\r\n";

// Whether it begins with the line of a chunk that is not the last. Beast asks for more of such a line only if it ends
// within a quoted extension, and takes the chunk's size off what the body may still have each time it reads it anew.
bool is_whole_chunk_line(std::string_view text) {
  if (text.starts_with("\r\n")) text.remove_prefix(2);  // behind the chunk before it
  const auto size = text.substr(0, text.find_first_not_of("0123456789abcdefABCDEF"));
  return size.find_first_not_of('0') != size.npos && text.find("\r\n") != text.npos;
}

bool is_digits(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

bool is_host(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           std::string_view{".-_:[]"}.find(c) != std::string_view::npos;
  });
}

}  // namespace

// Beast's parser, writing straight into our Request.
class RequestParser::Receiver final : public beast::basic_parser<true> {
 public:
  // A field on which the meaning of the message depends: how often it came, and its last value.
  struct Framing {
    std::size_t count = 0;
    std::string value{};
  };

  Request request{};
  beast::verb verb = beast::verb::unknown;
  Framing host{};
  Framing transfer_encoding{};
  Framing content_length{};
  Framing content_encoding{};
  Framing expect{};
  bool last_chunk_alone = false;  // all that is there of the rest of the body

 private:
  void on_request_impl(beast::verb method, Text, Text target, int version, error_code&) override {
    verb = method;
    request.method = to_method(method);
    request.target = view(target);
    request.version = version;
  }

  void on_field_impl(beast::field name, Text name_text, Text value, error_code&) override {
    if (header_done_) return;  // a trailer: nothing may depend on it
    if (auto* const framing = framing_of(name)) {
      ++framing->count;
      framing->value = view(value);
    }
    request.headers.add(std::string{view(name_text)}, std::string{view(value)});
  }

  Framing* framing_of(beast::field name) {
    switch (name) {
      case beast::field::host:
        return &host;
      case beast::field::transfer_encoding:
        return &transfer_encoding;
      case beast::field::content_length:
        return &content_length;
      case beast::field::content_encoding:
        return &content_encoding;
      case beast::field::expect:
        return &expect;
      default:
        return nullptr;
    }
  }

  void on_header_impl(error_code&) override { header_done_ = true; }

  // Beast takes a line feed in a quoted extension for text; others take it for the line's end.
  void on_chunk_header_impl(std::uint64_t, Text extension, error_code& failure) override {
    const bool bare = std::ranges::any_of(
        view(extension), [](char c) { return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f; });
    if (bare) failure = beast::error::bad_chunk_extension;
  }

  std::size_t on_body_impl(Text bytes, error_code&) override {
    request.body.append(bytes.data(), bytes.size());
    return bytes.size();
  }
  std::size_t on_chunk_body_impl(std::uint64_t, Text bytes, error_code& failure) override {
    return on_body_impl(bytes, failure);
  }

  void on_body_init_impl(const boost::optional<std::uint64_t>&, error_code&) override {}
  void on_finish_impl(error_code&) override {}
  void on_response_impl(int, Text, int, error_code&) override {}

  bool header_done_ = false;
};

RequestParser::RequestParser(const ServerOptions& limits) : limits_(limits) {}

RequestParser::~RequestParser() = default;

void RequestParser::consume(std::size_t count) {
  at_ += count;
  if (at_ == input_.size()) {
    discard();
  } else if (constexpr std::size_t worth_moving = 64UL * 1024; at_ >= worth_moving) {
    input_.erase(0, at_);
    at_ = 0;
  }
}

void RequestParser::discard() {
  constexpr std::size_t worth_keeping = 8UL * 1024;  // between requests: there may be thousands of connections
  input_.clear();
  if (input_.capacity() > worth_keeping) input_.shrink_to_fit();
  at_ = 0;
}

bool RequestParser::started() const {
  return receiver_ != nullptr || unread() > 0;
}

bool RequestParser::expects_continue() const {
  return receiver_ != nullptr && receiver_->expect.count > 0 && receiver_->request.version == 11 && unread() == 0;
}

std::size_t RequestParser::body_size() const {
  return receiver_ == nullptr ? 0 : receiver_->request.body.size();
}

const Request* RequestParser::refused() const {
  return receiver_ == nullptr ? nullptr : &receiver_->request;
}

Request RequestParser::take() {
  TENANTRY_ASSERT(receiver_ != nullptr && receiver_->is_done());
  Request request = std::move(receiver_->request);
  receiver_.reset();
  return request;
}

RequestParser::Step RequestParser::refuse(Refusal refusal) {
  refusal_ = std::move(refusal);
  discard();
  return Step::refused;
}

RequestParser::Step RequestParser::next() {
  return receiver_ == nullptr ? find_header() : read_body();
}

// Finds the end of the header, line by line, and hands the whole of it to Beast.
RequestParser::Step RequestParser::find_header() {
  if (!skipped_empty_line_ && line_start_ == 0 && rest().starts_with("\r\n")) {  // RFC 9112 section 2.2
    skipped_empty_line_ = true;
    scanned_ = 0;
    consume(2);
  }
  const auto input = rest();
  for (;;) {
    const auto newline = input.find('\n', std::max(line_start_, scanned_));
    scanned_ = input.size();
    const bool in_request_line = line_start_ == 0;
    const auto read_to = newline == std::string_view::npos ? input.size() : newline;
    if (in_request_line) {
      constexpr std::size_t around_target = 32;  // method, version and spaces
      if (read_to > limits_.target_size_max + around_target)
        return refuse({414, "uri_too_long", "The target is too long."});
    } else if (read_to - fields_start_ > limits_.header_size_max) {
      return refuse({431, "header_too_large", "The header is too large."});
    }
    if (newline == std::string_view::npos) return Step::more;
    if (newline == 0 || input[newline - 1] != '\r') return refuse({});

    const auto line = input.substr(line_start_, newline - 1 - line_start_);
    line_start_ = newline + 1;
    scanned_ = line_start_;
    if (in_request_line) {
      fields_start_ = line_start_;
      continue;
    }
    if (line.empty()) break;
    if (line[0] == ' ' || line[0] == '\t') return refuse({});  // obs-fold
    if (++field_count_ > limits_.fields_max) return refuse({431, "too_many_fields", "The header has too many fields."});
  }
  return begin(line_start_);
}

namespace {

template <class Receiver>
std::optional<Refusal> check_framing(const Receiver& header, const ServerOptions& limits) {
  if (header.host.count != 1 || !is_host(header.host.value)) return malformed("A request names one Host.");
  if (header.transfer_encoding.count > 0) {
    if (header.transfer_encoding.count > 1 || header.request.version == 10 ||
        !equal_without_case(header.transfer_encoding.value, "chunked")) {
      return malformed("The only transfer encoding is one chunked.");
    }
    if (header.content_length.count > 0) return malformed("A body has one length.");
  }
  if (header.content_length.count > 0 && (header.content_length.count > 1 || !is_digits(header.content_length.value))) {
    return malformed("A body has one length.");
  }
  if (header.request.target.size() > limits.target_size_max) {
    return Refusal{414, "uri_too_long", "The target is too long."};
  }
  if (header.content_encoding.count > 0 && !equal_without_case(header.content_encoding.value, "identity")) {
    return Refusal{415, "unsupported_media_type", "Bodies are sent without a content encoding."};
  }
  if (header.expect.count > 0 && !equal_without_case(header.expect.value, "100-continue")) {
    return Refusal{417, "expectation_failed", "The only expectation is 100-continue."};
  }
  return {};
}

}  // namespace

RequestParser::Step RequestParser::begin(std::size_t header_size) {
  receiver_ = std::make_unique<Receiver>();
  receiver_->header_limit(static_cast<std::uint32_t>(header_size + 1));
  receiver_->body_limit(limits_.body_size_max);
  error_code failure;
  const auto consumed = receiver_->put(boost::asio::const_buffer{rest().data(), header_size}, failure);
  if (!receiver_->is_header_done() && !failure) failure = beast::error::partial_message;
  const bool body_too_large = failure == beast::error::body_limit;
  if (failure && !body_too_large) return refuse(refusal_of(failure));

  if (auto refusal = check_framing(*receiver_, limits_)) return refuse(*std::move(refusal));
  if (body_too_large) return refuse(refusal_of(failure));
  auto& request = receiver_->request;
  if (receiver_->verb == beast::verb::trace || receiver_->verb == beast::verb::connect) {
    return refuse({405, "method_not_allowed", "This method is not served.", methods_served});
  }
  if (request.method == Method::other) return refuse({501, "not_implemented", "This method is unknown."});
  if (request.method == Method::options && request.target == "*") {
    request.path = "*";
  } else {
    auto target = parse_target(request.target);
    if (!target) return refuse(malformed(target.error().message));
    request.path = std::move(target->path);
    request.query = std::move(target->query);
  }
  request.keep_alive = request.version == 11 && receiver_->keep_alive();

  line_start_ = scanned_ = fields_start_ = field_count_ = 0;
  skipped_empty_line_ = false;
  consume(consumed);
  if (receiver_->is_done()) return Step::request;
  receiver_->eager(true);
  return Step::header;
}

RequestParser::Step RequestParser::read_body() {
  while (!receiver_->is_done()) {
    if (unread() == 0 || (receiver_->last_chunk_alone && unread() < shortest_end.size())) return Step::more;
    error_code failure;
    const auto consumed = receiver_->put(boost::asio::const_buffer{rest().data(), unread()}, failure);
    consume(consumed);
    if (failure == beast::error::need_more) {
      receiver_->last_chunk_alone = rest() == last_chunk;
      if (is_whole_chunk_line(rest())) return refuse({});
      // Beast keeps no part of a line: an endless chunk line would grow here.
      return unread() > limits_.header_size_max ? refuse({}) : Step::more;
    }
    if (failure) return refuse(refusal_of(failure));
    if (consumed == 0) return Step::more;
  }
  return Step::request;
}

}  // namespace tenantry::http
