#include "shared/sim/broker.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace tenantry::sim {
namespace {

// The routing key, and those of the headers CC and BCC: all of them route, wherever the message is sent to.
std::set<std::string> keys_of(const amqp::Publication& publication) {
  std::set<std::string> keys{std::string(publication.routing_key)};
  for (const char* header : {"CC", "BCC"}) {
    const auto* value = publication.properties.headers.find(header);
    const auto* list = value == nullptr ? nullptr : std::get_if<amqp::Array>(&value->data);
    if (list == nullptr) continue;
    for (const auto& entry : *list) {
      if (const auto* key = std::get_if<std::string>(&entry.data)) keys.insert(*key);
    }
  }
  return keys;
}

// Whoever receives it must not see whom it went to blindly.
amqp::Properties without_blind_copies(amqp::Properties properties) {
  std::erase_if(properties.headers.entries, [](const amqp::Entry& entry) { return entry.name == "BCC"; });
  return properties;
}

}  // namespace

namespace {

using Words = std::vector<std::string_view>;

// As RabbitMQ splits them: an empty text has no words.
Words words_of(std::string_view text) {
  Words words;
  if (text.empty()) return words;
  for (std::size_t from = 0; from <= text.size();) {
    const auto dot = std::min(text.find('.', from), text.size());
    words.push_back(text.substr(from, dot - from));
    from = dot + 1;
  }
  return words;
}

bool words_match(std::span<const std::string_view> pattern, std::span<const std::string_view> key) {
  if (pattern.empty()) return key.empty();
  const auto rest = pattern.subspan(1);
  if (pattern.front() == "#") {
    for (std::size_t taken = 0; taken <= key.size(); ++taken) {
      if (words_match(rest, key.subspan(taken))) return true;
    }
    return false;
  }
  if (key.empty() || (pattern.front() != "*" && pattern.front() != key.front())) return false;
  return words_match(rest, key.subspan(1));
}

}  // namespace

bool topic_matches(std::string_view pattern, std::string_view key) {
  return words_match(words_of(pattern), words_of(key));
}

void Broker::add_vhost(const std::string& vhost) {
  vhosts_[vhost];
}

void Broker::remove_vhost(const std::string& vhost) {
  vhosts_.erase(vhost);
  std::erase_if(consumers_, [&](const auto& entry) { return entry.second.vhost == vhost; });
}

bool Broker::has_queue(const std::string& vhost, const std::string& queue) const {
  const auto at = vhosts_.find(vhost);
  return at != vhosts_.end() && at->second.queues.contains(queue);
}

std::vector<std::string> Broker::vhosts() const {
  std::vector<std::string> names;
  for (const auto& [name, vhost] : vhosts_) names.push_back(name);
  return names;
}

void Broker::import_definitions(const std::string& vhost, const std::string& definitions_json) {
  auto& target = vhosts_.at(vhost);
  const auto definitions = nlohmann::json::parse(definitions_json);
  for (const auto& exchange : definitions.at("exchanges")) {
    target.exchanges[exchange.at("name")].fanout = exchange.at("type") == "fanout";
  }
  for (const auto& queue : definitions.at("queues")) {
    const auto arguments = queue.value("arguments", nlohmann::json::object());
    auto& made = target.queues[queue.at("name")];
    made.single_active = arguments.value("x-single-active-consumer", false);
    // The default exchange alone: none of our queues sends what dies through another one.
    if (arguments.value("x-dead-letter-exchange", "none").empty()) {
      made.dead_letter_queue = arguments.at("x-dead-letter-routing-key");
    }
  }
  for (const auto& binding : definitions.at("bindings")) {
    const std::string queue = binding.at("destination");
    const std::string pattern = binding.at("routing_key");
    auto& bindings = target.exchanges.at(binding.at("source")).bindings;
    const auto same = [&](const Binding& known) { return known.queue == queue && known.pattern == pattern; };
    if (std::ranges::none_of(bindings, same)) bindings.push_back({queue, pattern});
  }
}

void Broker::remove_queue(const std::string& vhost, const std::string& queue) {
  const auto at = vhosts_.find(vhost);
  if (at == vhosts_.end() || at->second.queues.erase(queue) == 0) return;
  for (auto& [name, exchange] : at->second.exchanges) {
    std::erase_if(exchange.bindings, [&](const Binding& binding) { return binding.queue == queue; });
  }
  std::erase_if(consumers_,
                [&](const auto& entry) { return entry.second.vhost == vhost && entry.second.queue == queue; });
}

Routed Broker::publish(const std::string& vhost, const amqp::Publication& publication, std::string_view login) {
  const auto at = vhosts_.find(vhost);
  if (at == vhosts_.end()) return Routed::no_vhost;
  const std::string exchange{publication.exchange};
  const auto found = at->second.exchanges.find(exchange);
  if (!exchange.empty() && found == at->second.exchanges.end()) return Routed::no_exchange;
  if (!login.empty() && publication.properties.user_id && *publication.properties.user_id != login) {
    return Routed::refused;
  }
  std::set<std::string> queues;
  for (const auto& key : keys_of(publication)) {
    if (exchange.empty()) {
      if (at->second.queues.contains(key)) queues.insert(key);
      continue;
    }
    for (const auto& binding : found->second.bindings) {
      if (found->second.fanout || topic_matches(binding.pattern, key)) queues.insert(binding.queue);
    }
  }
  if (queues.empty()) return publication.mandatory ? Routed::returned : Routed::queued;
  for (const auto& name : queues) {
    auto& queue = at->second.queues.at(name);
    const auto position = queue.next_position++;
    queue.ready.emplace(position, Message{.position = position,
                                          .exchange = exchange,
                                          .routing_key = std::string(publication.routing_key),
                                          .properties = without_blind_copies(publication.properties),
                                          .body = std::string(publication.body)});
  }
  return Routed::queued;
}

ConsumerId Broker::consume(const std::string& vhost, const std::string& queue, std::size_t prefetch) {
  const auto id = next_consumer_++;
  vhosts_.at(vhost).queues.at(queue).consumers.push_back(id);
  consumers_.emplace(id, Consumer{.vhost = vhost, .queue = queue, .prefetch = prefetch});
  return id;
}

const Broker::Queue* Broker::find_queue(const Consumer& consumer) const {
  const auto vhost = vhosts_.find(consumer.vhost);
  return vhost == vhosts_.end() ? nullptr : &vhost->second.queues.at(consumer.queue);
}

bool Broker::can_deliver(ConsumerId id) const {
  const auto consumer = consumers_.find(id);
  if (consumer == consumers_.end()) return false;
  const auto* queue = find_queue(consumer->second);
  if (queue == nullptr || queue->ready.empty()) return false;
  if (queue->single_active && queue->consumers.front() != id) return false;
  return consumer->second.prefetch == 0 || consumer->second.unacked.size() < consumer->second.prefetch;
}

std::optional<amqp::Delivery> Broker::deliver(ConsumerId id) {
  if (!can_deliver(id)) return std::nullopt;
  auto& consumer = consumers_.at(id);
  auto& queue = vhosts_.at(consumer.vhost).queues.at(consumer.queue);
  auto message = std::move(queue.ready.begin()->second);
  queue.ready.erase(queue.ready.begin());
  amqp::Delivery delivery{.channel = 1,
                          .consumer_tag = std::to_string(id),
                          .delivery_tag = consumer.next_tag++,
                          .redelivered = message.redelivered,
                          .exchange = message.exchange,
                          .routing_key = message.routing_key,
                          .properties = message.properties,
                          .body = message.body,
                          .body_size = message.body.size()};
  consumer.unacked.emplace(delivery.delivery_tag, std::move(message));
  return delivery;
}

std::vector<Broker::Message> Broker::take_unacked(ConsumerId id, std::uint64_t delivery_tag, bool multiple) {
  const auto consumer = consumers_.find(id);
  if (consumer == consumers_.end()) return {};
  auto& unacked = consumer->second.unacked;
  // Tag 0 of many is all there is, be it nothing.
  const bool everything = multiple && delivery_tag == 0;
  const auto end = everything ? unacked.end() : unacked.upper_bound(delivery_tag);
  const auto begin = multiple ? unacked.begin() : unacked.find(delivery_tag);
  const bool known = everything || (multiple ? begin != end : begin != unacked.end());
  if (!known) {
    drop(id);
    return {};
  }
  std::vector<Message> taken;
  for (auto at = begin; at != end; ++at) taken.push_back(std::move(at->second));
  unacked.erase(begin, end);
  return taken;
}

void Broker::give_back(const Consumer& consumer, std::vector<Message> messages) {
  const auto vhost = vhosts_.find(consumer.vhost);
  if (vhost == vhosts_.end()) return;
  auto& queue = vhost->second.queues.at(consumer.queue);
  for (auto& message : messages) {
    message.redelivered = true;
    const auto position = message.position;
    queue.ready.emplace(position, std::move(message));
  }
}

void Broker::ack(ConsumerId id, std::uint64_t delivery_tag, bool multiple) {
  take_unacked(id, delivery_tag, multiple);
}

void Broker::nack(ConsumerId id, std::uint64_t delivery_tag, bool multiple, bool requeue) {
  auto messages = take_unacked(id, delivery_tag, multiple);
  if (requeue && !messages.empty()) give_back(consumers_.at(id), std::move(messages));
}

void Broker::drop(ConsumerId id) {
  const auto at = consumers_.find(id);
  if (at == consumers_.end()) return;
  auto consumer = std::move(at->second);
  consumers_.erase(at);
  const auto vhost = vhosts_.find(consumer.vhost);
  if (vhost == vhosts_.end()) return;
  std::erase(vhost->second.queues.at(consumer.queue).consumers, id);
  std::vector<Message> messages;
  for (auto& [tag, message] : consumer.unacked) messages.push_back(std::move(message));
  give_back(consumer, std::move(messages));
}

std::size_t Broker::expire(const std::string& vhost) {
  auto& in = vhosts_.at(vhost);
  std::size_t expired = 0;
  for (auto& [name, queue] : in.queues) {
    for (auto at = queue.ready.begin(); at != queue.ready.end();) {
      if (!at->second.properties.expiration) {
        ++at;
        continue;
      }
      auto message = std::move(at->second);
      at = queue.ready.erase(at);
      ++expired;
      die(in, name, std::move(message));
    }
  }
  return expired;
}

// rabbit_dead_letter: headers as the broker writes them, and the cycle check over them, of what expired.
void Broker::die(Vhost& vhost, const std::string& of_queue, Message message) {
  const auto& to = vhost.queues.at(of_queue).dead_letter_queue;
  if (!to || !vhost.queues.contains(*to)) return;
  auto& headers = message.properties.headers;
  amqp::Array keys{amqp::Value{message.routing_key}};
  if (const auto* copies = headers.find("CC")) {
    const auto& more = std::get<amqp::Array>(copies->data);
    keys.insert(keys.end(), more.begin(), more.end());
    std::erase_if(headers.entries, [](const amqp::Entry& entry) { return entry.name == "CC"; });
  }
  amqp::Array deaths{amqp::Value{amqp::Table{{"count", std::int64_t{1}},
                                             {"reason", "expired"},
                                             {"queue", of_queue},
                                             {"exchange", message.exchange},
                                             {"routing-keys", std::move(keys)}}}};
  bool died_there = *to == of_queue;
  if (const auto* before = headers.find("x-death")) {
    if (const auto* list = std::get_if<amqp::Array>(&before->data)) {
      for (const auto& death : *list) {
        const auto* table = std::get_if<amqp::Table>(&death.data);
        const auto* queue = table == nullptr ? nullptr : table->find("queue");
        died_there = died_there || (queue != nullptr && *queue == amqp::Value{*to});
        deaths.push_back(death);
      }
    }
    std::erase_if(headers.entries, [](const amqp::Entry& entry) { return entry.name == "x-death"; });
  }
  if (died_there) return;
  const auto first = [&](const char* name, const std::string& value) {
    if (headers.find(name) == nullptr) headers.add(name, value);
  };
  first("x-first-death-reason", "expired");
  first("x-first-death-queue", of_queue);
  first("x-first-death-exchange", message.exchange);
  headers.add("x-death", std::move(deaths));
  message.properties.expiration.reset();
  message.exchange.clear();
  message.routing_key = *to;
  auto& queue = vhost.queues.at(*to);
  message.position = queue.next_position++;
  const auto position = message.position;
  queue.ready.emplace(position, std::move(message));
}

std::size_t Broker::depth(const std::string& vhost, const std::string& queue) const {
  std::size_t count = vhosts_.at(vhost).queues.at(queue).ready.size();
  for (const auto& [id, consumer] : consumers_) {
    if (consumer.vhost == vhost && consumer.queue == queue) count += consumer.unacked.size();
  }
  return count;
}

std::size_t Broker::messages() const {
  std::size_t count = 0;
  for (const auto& [name, vhost] : vhosts_) {
    for (const auto& [queue, content] : vhost.queues) count += content.ready.size();
  }
  for (const auto& [id, consumer] : consumers_) count += consumer.unacked.size();
  return count;
}

}  // namespace tenantry::sim
