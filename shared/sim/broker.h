// sim::Broker: a RabbitMQ in memory, for simulations. It keeps what Tenantry relies on
// (routing, per-queue order, prefetch, single active consumer, redelivery in place,
// returns of mandatory messages, the check of user-id) and nothing moves by itself: the
// caller decides when a message is delivered and when a connection is lost. A consumer
// is a channel on a connection of its own. Single-threaded.
//
// broker_conformance_test.cpp holds it against the real one.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "shared/amqp/message.h"

namespace tenantry::sim {

using ConsumerId = std::uint64_t;

enum class Routed {
  queued,       // confirmed: by every queue that takes it, or by nobody where none does
  returned,     // mandatory, and no queue took it; confirmed after
  no_exchange,  // 404: the channel is closed
  refused,      // 406: user-id is somebody else's; the channel is closed
  no_vhost,     // there is no connection to publish on
};

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

  void remove_queue(const std::string& vhost, const std::string& queue);  // its consumers are gone with it

  // ---- publishing
  // `login` is the publisher's; empty: whoever the message says.
  Routed publish(const std::string& vhost, const amqp::Publication& publication, std::string_view login = {});

  // ---- consuming
  ConsumerId consume(const std::string& vhost, const std::string& queue, std::size_t prefetch);  // 0: no limit
  // Whether deliver() would give something: the consumer may be given messages of its queue now, below its prefetch.
  bool can_deliver(ConsumerId consumer) const;
  std::optional<amqp::Delivery> deliver(ConsumerId consumer);
  // Of a delivery that is not its own, the consumer loses its channel (406), as by drop(). A consumer that is gone
  // can settle nothing: ignored.
  void ack(ConsumerId consumer, std::uint64_t delivery_tag, bool multiple = false);
  void nack(ConsumerId consumer, std::uint64_t delivery_tag, bool multiple, bool requeue);
  bool is_open(ConsumerId consumer) const { return consumers_.contains(consumer); }
  // Its connection is lost: what it holds goes back to where it was, as redelivered.
  void drop(ConsumerId consumer);

  // Time passes for what is ready with an expiration: it goes where its queue sends what dies, without the expiration,
  // once to each queue (RabbitMQ's "automatic cycle"); elsewhere it is gone. How many expired.
  std::size_t expire(const std::string& vhost);

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
    bool single_active = false;
    std::optional<std::string> dead_letter_queue{};
    std::map<std::uint64_t, Message> ready;  // by position
    std::uint64_t next_position = 1;
    std::deque<ConsumerId> consumers;  // where only one is active, it is the first
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
  // What a settlement names, taken from the consumer; empty where its channel was closed over it.
  std::vector<Message> take_unacked(ConsumerId consumer, std::uint64_t delivery_tag, bool multiple);
  void die(Vhost& vhost, const std::string& of_queue, Message message);
  void give_back(const Consumer& consumer, std::vector<Message> messages);

  std::map<std::string, Vhost> vhosts_;
  std::map<ConsumerId, Consumer> consumers_;
  ConsumerId next_consumer_ = 1;
};

// AMQP 0-9-1 section 3.1.3.3: words between dots, '*' is one word, '#' any number.
bool topic_matches(std::string_view pattern, std::string_view key);

}  // namespace tenantry::sim
