// TlsStream: the client side of one TLS connection between byte strings, by OpenSSL's
// memory BIOs, so that the socket stays the loop's. Private to shared/amqp.
//
// TLS 1.2 and up; the peer's chain and its name (or address) are always verified.
// Not thread-safe.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "shared/core/bytes.h"
#include "shared/core/result.h"

namespace tenantry::amqp {

// Trusted roots: shared by the connections of a loop.
class TlsContext {
 public:
  // An empty file name means the system's roots.
  static Result<std::shared_ptr<TlsContext>> create(const std::string& ca_file);
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

 private:
  friend class TlsStream;
  TlsContext() = default;
  struct State;
  std::unique_ptr<State> state_;
};

class TlsStream {
 public:
  static Result<std::unique_ptr<TlsStream>> create(std::shared_ptr<TlsContext> context, const std::string& host);
  ~TlsStream();
  TlsStream(const TlsStream&) = delete;
  TlsStream& operator=(const TlsStream&) = delete;

  // Bytes from the socket in; plain bytes out through `plain`, all that there are.
  Result<void> feed(ByteView encrypted, const std::function<Result<void>(ByteView)>& plain);
  // Kept until the handshake is done.
  Result<void> write(std::string plain);
  std::string take_output();  // bytes for the socket

 private:
  TlsStream() = default;
  Result<void> advance();
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tenantry::amqp
