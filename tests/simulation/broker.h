// sim::Broker: a RabbitMQ in memory, for simulations. It keeps what Tenantry relies on
// (per-queue order, prefetch, single active consumer, redelivery in place, returns of
// mandatory messages) and nothing moves by itself: the caller decides when a message
// is delivered and when a connection is lost. Single-threaded.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shared/amqp/message.h"

namespace tenantry::sim {

using ConsumerId = std::uint64_t;

enum class Routed { queued, returned, no_vhost };

class Broker {
 public:
  // ---- objects; all idempotent
  void add_vhost(const std::string& vhost);
  void remove_vhost(const std::string& vhost);
  bool has_vhost(const std::string& vhost) const { return vhosts_.contains(vhost); }
  bool has_queue(const std::string& vhost, const std::string& queue) const;
  std::vector<std::string> vhosts() const;
  // The body of RabbitMQ's POST /api/definitions/{vhost}: exchanges (topic, fanout), queues, bindings.
  void import_definitions(const std::string& vhost, const std::string& definitions_json);

  // ---- publishing
  // `publication.mandatory` without a queue to take it is returned; without it, dropped and "queued".
  Routed publish(const std::string& vhost, const amqp::Publication& publication);

  // ---- consuming
  ConsumerId consume(const std::string& vhost, const std::string& queue, std::size_t prefetch);
  // Whether deliver() would give something: the consumer is its queue's active one, below its prefetch.
  bool can_deliver(ConsumerId consumer) const;
  std::optional<amqp::Delivery> deliver(ConsumerId consumer);
  void ack(ConsumerId consumer, std::uint64_t delivery_tag);  // of one; unknown ones are ignored
  // Its connection is lost: what it holds goes back to where it was, as redelivered.
  void drop(ConsumerId consumer);

  std::size_t depth(const std::string& vhost, const std::string& queue) const;  // ready and unacknowledged
  std::size_t messages() const;                                                 // in all queues

 private:
  struct Message {
    std::uint64_t position = 0;  // in its queue; kept when it goes back
    std::string exchange;
    std::string routing_key;
    amqp::Properties properties;
    std::string body;
    bool redelivered = false;
  };
  struct Queue {
    std::map<std::uint64_t, Message> ready;  // by position
    std::uint64_t next_position = 1;
    std::deque<ConsumerId> consumers;  // the first one is active
  };
  struct Binding {
    std::string queue;
    std::string pattern;
  };
  struct Exchange {
    bool fanout = false;
    std::vector<Binding> bindings;
  };
  struct Vhost {
    std::map<std::string, Exchange> exchanges;
    std::map<std::string, Queue> queues;
  };
  struct Consumer {
    std::string vhost;
    std::string queue;
    std::size_t prefetch = 0;
    std::uint64_t next_tag = 1;
    std::map<std::uint64_t, Message> unacked;  // by delivery tag
  };

  const Queue* find_queue(const Consumer& consumer) const;

  std::map<std::string, Vhost> vhosts_;
  std::map<ConsumerId, Consumer> consumers_;
  ConsumerId next_consumer_ = 1;
};

// AMQP 0-9-1 section 3.1.3.3: words between dots, '*' is one word, '#' any number.
bool topic_matches(std::string_view pattern, std::string_view key);

}  // namespace tenantry::sim
