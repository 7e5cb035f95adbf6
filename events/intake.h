// Intake: an event from outside in each of its forms (CloudEvents in binary, structured and batched mode over AMQP or
// HTTP, the older envelope), read into attributes and the payload as its bytes stood.
//
// Pure. One page of rules for every way in: what passes can be published, stored, read back and exported.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "events/codec.h"
#include "shared/core/result.h"

namespace tenantry::events {

constexpr std::size_t attributes_max = 64;         // of one event, beside those that its envelope is about
constexpr std::size_t attribute_name_max = 64;     // bytes
constexpr std::size_t attribute_value_max = 2048;  // bytes
constexpr std::size_t attributes_size_max =
    16 * 1024;                                 // names and values: they share one AMQP frame, 128 KiB of RabbitMQ
constexpr std::size_t content_type_max = 255;  // an AMQP short string
constexpr std::size_t batch_max = 100;         // events of one batch

struct Foreign {
  Attributes attributes{};
  std::string content_type{};  // of the payload
  std::string payload{};       // the bytes of `data` as they were sent, or what data_base64 stands for
  bool older = false;          // came in the older envelope
};

// CloudEvents in structured mode, or the older envelope.
Result<Foreign> read_json_event(std::string_view body, std::string_view content_type);

// A JSON array of 1 to batch_max CloudEvents in structured mode. An error's pointer begins with the event's index.
Result<std::vector<Foreign>> read_json_batch(std::string_view body);

// Binary mode over HTTP: the fields ce-*, of which one is ce-specversion. The other fields are left alone.
bool is_binary_mode(const HttpFields& fields);
Result<Foreign> read_http_event(const HttpFields& fields, std::string_view content_type, std::string_view body);

bool is_batch_type(std::string_view content_type);       // application/cloudevents-batch+json
bool is_structured_type(std::string_view content_type);  // application/cloudevents, with +json or without

// Whether each attribute, their number and the content type keep to the limits above: UTF-8 without control characters.
// What is counted are the publisher's own, which the platform adds none to: what passes at the edge passes behind it.
Result<void> check_foreign(const Foreign& foreign);

// The event that an intake read, with all that its publisher may say of it: type, time, source, subject, payload,
// extensions, foreign_id. Whose it is and who says so is not among it. Takes the payload, leaves the attributes.
// Without a time of its own it happened when it arrived.
Result<Event> to_event(Foreign& foreign, Timestamp arrived_at);

bool is_type_name(std::string_view type);

// The error in the words of what was sent: a pointer into the older envelope, or into one event of a batch.
Error in_place(Error error, bool older);
Error in_batch(Error error, std::size_t index);

}  // namespace tenantry::events
