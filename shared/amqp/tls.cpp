#include "shared/amqp/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <array>
#include <limits>

#include "shared/core/assert.h"

namespace tenantry::amqp {

namespace {

Error tls_error(std::string what, const SSL* ssl = nullptr) {
  if (ssl != nullptr && SSL_get_verify_result(ssl) != X509_V_OK) {
    what += std::string(": ") + X509_verify_cert_error_string(SSL_get_verify_result(ssl));
  } else if (const auto code = ERR_get_error(); code != 0) {
    std::array<char, 256> text{};
    ERR_error_string_n(code, text.data(), text.size());
    what += std::string(": ") + text.data();
  }
  ERR_clear_error();
  return {Errc::unavailable, "tls", std::move(what)};
}

}  // namespace

struct TlsContext::State {
  std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context{SSL_CTX_new(TLS_client_method()), &SSL_CTX_free};
};

struct TlsStream::State {
  std::shared_ptr<TlsContext> context;
  std::unique_ptr<SSL, decltype(&SSL_free)> ssl{nullptr, &SSL_free};
  BIO* incoming = nullptr;  // owned by ssl
  BIO* outgoing = nullptr;  // owned by ssl
  std::string waiting;      // plain bytes written before the handshake was done
};

TlsContext::~TlsContext() = default;

Result<std::shared_ptr<TlsContext>> TlsContext::create(const std::string& ca_file) {
  std::shared_ptr<TlsContext> result(new TlsContext);
  result->state_ = std::make_unique<State>();
  SSL_CTX* context = result->state_->context.get();
  TENANTRY_ASSERT(context != nullptr);
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  // An idle connection gives its record buffers back: 34 KB otherwise.
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE);
  const int loaded = ca_file.empty() ? SSL_CTX_set_default_verify_paths(context)
                                     : SSL_CTX_load_verify_locations(context, ca_file.c_str(), nullptr);
  if (loaded != 1) return tls_error("cannot load the CA file '" + ca_file + "'");
  return result;
}

TlsStream::~TlsStream() = default;

Result<std::unique_ptr<TlsStream>> TlsStream::create(std::shared_ptr<TlsContext> context, const std::string& host) {
  std::unique_ptr<TlsStream> result(new TlsStream);
  result->state_ = std::make_unique<State>();
  auto& state = *result->state_;
  state.ssl.reset(SSL_new(context->state_->context.get()));
  TENANTRY_ASSERT(state.ssl != nullptr);
  state.context = std::move(context);
  state.incoming = BIO_new(BIO_s_mem());
  state.outgoing = BIO_new(BIO_s_mem());
  SSL* ssl = state.ssl.get();
  SSL_set_bio(ssl, state.incoming, state.outgoing);
  SSL_set_connect_state(ssl);

  // An address is matched against the certificate's addresses and has no SNI.
  if (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host.c_str()) != 1) {
    ERR_clear_error();
    // SSL_set_tlsext_host_name() spelled out: the macro holds a C cast.
    const auto name_set =
        SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, const_cast<char*>(host.c_str()));
    if (SSL_set1_host(ssl, host.c_str()) != 1 || name_set != 1) {
      return tls_error("cannot verify a host named '" + host + "'");
    }
  }
  if (auto started = result->advance(); !started) return started.error();
  return result;
}

// As far as the bytes at hand allow: the handshake, then what was waiting for it.
Result<void> TlsStream::advance() {
  SSL* ssl = state_->ssl.get();
  ERR_clear_error();
  if (SSL_is_init_finished(ssl) == 0) {
    const int outcome = SSL_do_handshake(ssl);
    if (outcome != 1) {
      const int error = SSL_get_error(ssl, outcome);
      if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) return {};
      return tls_error("TLS handshake failed", ssl);
    }
  }
  if (state_->waiting.empty()) return {};
  const std::string plain = std::exchange(state_->waiting, {});
  std::size_t done = 0;
  while (done < plain.size()) {
    std::size_t written = 0;
    if (SSL_write_ex(ssl, plain.data() + done, plain.size() - done, &written) != 1) {
      return tls_error("TLS write failed", ssl);  // a memory BIO never asks to wait
    }
    done += written;
  }
  return {};
}

Result<void> TlsStream::feed(ByteView encrypted, const std::function<Result<void>(ByteView)>& plain) {
  TENANTRY_ASSERT(encrypted.size() <= static_cast<std::size_t>(std::numeric_limits<int>::max()));
  const int size = static_cast<int>(encrypted.size());
  TENANTRY_ASSERT(BIO_write(state_->incoming, encrypted.data(), size) == size);
  if (auto advanced = advance(); !advanced) return advanced;

  SSL* ssl = state_->ssl.get();
  std::array<std::uint8_t, 16384> buffer;
  while (SSL_is_init_finished(ssl) != 0) {
    std::size_t count = 0;
    ERR_clear_error();
    const int outcome = SSL_read_ex(ssl, buffer.data(), buffer.size(), &count);
    if (outcome != 1) {
      const int error = SSL_get_error(ssl, outcome);
      if (error == SSL_ERROR_WANT_READ) return {};
      if (error == SSL_ERROR_ZERO_RETURN) return Error{Errc::unavailable, "tls", "the broker ended the TLS session"};
      return tls_error("TLS read failed", ssl);
    }
    if (auto taken = plain(ByteView(buffer).first(count)); !taken) return taken;
  }
  return {};
}

Result<void> TlsStream::write(std::string plain) {
  state_->waiting += plain;
  return advance();
}

std::string TlsStream::take_output() {
  std::string result(BIO_ctrl_pending(state_->outgoing), '\0');
  if (result.empty()) return result;
  const int size = BIO_read(state_->outgoing, result.data(), static_cast<int>(result.size()));
  TENANTRY_ASSERT(size == static_cast<int>(result.size()));
  return result;
}

}  // namespace tenantry::amqp
