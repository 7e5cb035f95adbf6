// Content headers and tables: anybody who may publish writes them. Bytes: which of both, then it.
#include "shared/amqp/codec.h"
#include "tests/fuzz/target.h"

namespace tenantry::fuzz::amqp_content {
namespace {

void read_table(ByteView bytes) {
  const auto table = amqp::decode_table(bytes);
  if (!table) return;
  const auto encoded = amqp::encode_table(*table);
  if (!encoded) return;
  const auto again = amqp::decode_table(as_bytes(*encoded));
  TENANTRY_ASSERT(again);
  const auto once_more = amqp::encode_table(*again);
  TENANTRY_ASSERT(once_more && *once_more == *encoded);  // bytes, since no NaN equals itself
}

void read_header(ByteView bytes) {
  const auto header = amqp::decode_content_header(bytes);
  if (!header || !header->properties) return;
  std::string out;
  if (!amqp::append_content(out, 1, *header->properties, "", amqp::frame_size_max)) return;
  auto frames = as_bytes(out);
  const auto frame = amqp::next_frame(frames, amqp::frame_size_max);
  TENANTRY_ASSERT(frame && *frame && (*frame)->type == amqp::FrameType::header);
  const auto again = amqp::decode_content_header((*frame)->payload);
  TENANTRY_ASSERT(again && again->properties);
  std::string once_more;
  TENANTRY_ASSERT(amqp::append_content(once_more, 1, *again->properties, "", amqp::frame_size_max));
  TENANTRY_ASSERT(once_more == out);
}

void run(std::string_view bytes) {
  Parts parts(bytes);
  parts.byte() % 2 == 0 ? read_table(as_bytes(parts.rest())) : read_header(as_bytes(parts.rest()));
}

const Registered target{{"amqp_content", run}};

}  // namespace
}  // namespace tenantry::fuzz::amqp_content
