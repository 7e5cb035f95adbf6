// RequestParser: the bytes of one connection in; whole requests, or a refusal, out.
//
// Sans I/O and without time: Connection feeds it and keeps the deadlines. Beast parses;
// what Beast lets pass and a proxy in front may read differently (request smuggling,
// security.md H3) is refused here. Private to shared/http.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "shared/http/message.h"
#include "shared/http/server.h"

namespace tenantry::http {

// What never becomes a request: the answer, after which the connection closes.
struct Refusal {
  int status = 400;
  std::string_view code = "malformed_request";
  std::string detail = "This is not a well-formed HTTP request.";
  std::string_view allow{};  // of 405
};

class RequestParser {
 public:
  explicit RequestParser(const ServerOptions& limits);  // which outlive it
  ~RequestParser();
  RequestParser(const RequestParser&) = delete;
  RequestParser& operator=(const RequestParser&) = delete;

  void feed(std::string_view bytes) { input_.append(bytes); }

  enum class Step {
    more,     // nothing to do before more bytes come
    header,   // a header is complete and its body is awaited; once per request
    request,  // take() it, then go on
    refused,  // see refusal(); nothing more is read
  };
  Step next();

  Request take();
  const Refusal& refusal() const { return refusal_; }
  const Request* refused() const;  // as far as it was understood; null where that is nothing

  // Of the request at hand, from Step::header on.
  bool expects_continue() const;
  std::size_t body_size() const;  // received so far

  std::size_t unread() const { return input_.size() - at_; }  // fed and not yet parsed
  bool started() const;                                       // bytes of a request not yet whole are here
  void discard();                                             // what was fed and not yet parsed

 private:
  class Receiver;

  Step find_header();
  Step begin(std::size_t header_size);
  Step read_body();
  Step refuse(Refusal refusal);
  std::string_view rest() const { return std::string_view{input_}.substr(at_); }
  void consume(std::size_t count);

  const ServerOptions& limits_;
  std::string input_;             // fed; parsed up to at_
  std::size_t at_ = 0;            // behind what was parsed; the places below count from here
  std::size_t line_start_ = 0;    // of the header line being read
  std::size_t scanned_ = 0;       // no line ends before here
  std::size_t fields_start_ = 0;  // behind the request line
  std::size_t field_count_ = 0;
  bool skipped_empty_line_ = false;
  std::unique_ptr<Receiver> receiver_;  // of a request whose header is complete
  Refusal refusal_{};
};

}  // namespace tenantry::http
