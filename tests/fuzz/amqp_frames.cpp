// Frames and methods off the wire, whatever the other side sends: what is decoded can be encoded, and is the same
// again.
#include "shared/amqp/codec.h"
#include "tests/fuzz/target.h"

namespace tenantry::fuzz::amqp_frames {
namespace {

const Registered target{
    {"amqp_frames", [](std::string_view bytes) {
       auto input = as_bytes(bytes);
       for (;;) {
         const auto before = input.size();
         const auto frame = amqp::next_frame(input, amqp::frame_size_max);
         if (!frame || !*frame) break;
         TENANTRY_ASSERT(input.size() < before);
         const auto& payload = (*frame)->payload;
         if ((*frame)->type != amqp::FrameType::method) continue;
         const auto method = amqp::decode_method(payload);
         if (!method) continue;
         std::string out;
         if (!amqp::append_method(out, (*frame)->channel, *method, amqp::frame_size_max)) continue;
         auto encoded = as_bytes(out);
         const auto again = amqp::next_frame(encoded, amqp::frame_size_max);
         TENANTRY_ASSERT(again && *again && encoded.empty() && (*again)->channel == (*frame)->channel);
         const auto decoded = amqp::decode_method((*again)->payload);
         TENANTRY_ASSERT(decoded && decoded->index() == method->index());
         std::string once_more;
         TENANTRY_ASSERT(amqp::append_method(once_more, (*frame)->channel, *decoded, amqp::frame_size_max));
         TENANTRY_ASSERT(once_more == out);
       }
     }}};

}  // namespace
}  // namespace tenantry::fuzz::amqp_frames
