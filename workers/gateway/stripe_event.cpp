#include "workers/gateway/stripe_event.h"

#include <algorithm>
#include <initializer_list>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>

#include "events/proto_time.h"
#include "shared/json/json.h"
#include "tenantry/events/v1/billing.pb.h"

namespace tenantry::gateway {
namespace {

namespace v1 = tenantry::events::v1;
using events::to_proto;
using nlohmann::json;

constexpr std::int64_t unix_seconds_max = 253'402'300'799;  // the last second of the year 9999

// Reads fields by pointer from the root. A missing or null field is an empty answer;
// one of the wrong type is the first error, and all answers after it are empty too.
class Fields {
 public:
  explicit Fields(const json& root) : root_(root) {}

  bool failed() const { return error_.has_value(); }
  const Error& error() const { return *error_; }
  void fail(const std::string& pointer, std::string rule, std::string detail) {
    if (!error_) error_ = Error::invalid(pointer, std::move(rule), std::move(detail));
  }

  std::string text(const std::string& pointer) {
    const auto* value = find(pointer);
    if (value == nullptr) return {};
    if (const auto* text = value->get_ptr<const std::string*>()) return *text;
    fail(pointer, "type", "must be a string");
    return {};
  }

  std::string required_text(const std::string& pointer) {
    auto value = text(pointer);
    if (value.empty()) fail(pointer, "required", "must be given");
    return value;
  }

  // "sub_1", or the expanded {"id": "sub_1", ...}.
  std::string id(const std::string& pointer) {
    const auto* value = find(pointer);
    if (value == nullptr) return {};
    if (value->is_object()) return text(pointer + "/id");
    if (value->is_string()) return value->get<std::string>();
    fail(pointer, "type", "must be an id or an object with one");
    return {};
  }

  bool is_expanded(const std::string& pointer) {
    const auto* value = find(pointer);
    return value != nullptr && value->is_object();
  }

  std::string first_id(std::initializer_list<std::string> pointers) {
    for (const auto& pointer : pointers) {
      if (auto value = id(pointer); !value.empty()) return value;
    }
    return {};
  }

  std::optional<std::int64_t> integer(const std::string& pointer) {
    const auto* value = find(pointer);
    if (value == nullptr) return std::nullopt;
    const bool fits = value->is_number_unsigned()
                          ? value->get<std::uint64_t>() <= std::uint64_t{std::numeric_limits<std::int64_t>::max()}
                          : value->is_number_integer();
    if (fits) return value->get<std::int64_t>();
    fail(pointer, "type", "must be a whole number");
    return std::nullopt;
  }

  std::optional<std::int64_t> first_integer(std::initializer_list<std::string> pointers) {
    for (const auto& pointer : pointers) {
      if (auto value = integer(pointer)) return value;
    }
    return std::nullopt;
  }

  std::optional<Timestamp> time(const std::string& pointer) {
    const auto seconds = integer(pointer);
    if (!seconds) return std::nullopt;
    if (*seconds >= 0 && *seconds <= unix_seconds_max) return from_unix_seconds(*seconds);
    fail(pointer, "range", "must be seconds since 1970, before the year 10000");
    return std::nullopt;
  }

  std::optional<Timestamp> first_time(std::initializer_list<std::string> pointers) {
    for (const auto& pointer : pointers) {
      if (auto value = time(pointer)) return value;
    }
    return std::nullopt;
  }

  bool boolean(const std::string& pointer) {
    const auto* value = find(pointer);
    if (value == nullptr) return false;
    if (value->is_boolean()) return value->get<bool>();
    fail(pointer, "type", "must be true or false");
    return false;
  }

 private:
  // Walks the pointer; what stands on the way must be an object or an array, where it is there at all.
  const json* find(const std::string& pointer) {
    if (failed()) return nullptr;
    const json* at = &root_;
    for (std::size_t start = 1; start <= pointer.size();) {
      const auto end = std::min(pointer.find('/', start), pointer.size());
      const auto token = pointer.substr(start, end - start);
      if (at->is_object()) {
        const auto member = at->find(token);
        if (member == at->end()) return nullptr;
        at = &*member;
      } else if (at->is_array() && token == "0") {
        if (at->empty()) return nullptr;
        at = &at->front();
      } else {
        fail(pointer.substr(0, start - 1), "type", token == "0" ? "must be an array" : "must be an object");
        return nullptr;
      }
      if (at->is_null()) return nullptr;
      start = end + 1;
    }
    return at;
  }

  const json& root_;
  std::optional<Error> error_;
};

const std::string object = "/data/object";

std::string in_object(std::string_view rest) {
  return object + "/" + std::string(rest);
}

std::string currency_of(Fields& fields) {
  auto currency = fields.text(in_object("currency"));
  std::ranges::transform(currency, currency.begin(),
                         [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
  const bool letters = std::ranges::all_of(currency, [](char c) { return c >= 'A' && c <= 'Z'; });
  if (!currency.empty() && (currency.size() != 3 || !letters)) {
    fields.fail(in_object("currency"), "currency", "must be three letters");
  }
  return currency;
}

std::string tenant_of(Fields& fields) {
  for (const auto* place :
       {"metadata", "subscription_details/metadata", "parent/subscription_details/metadata", "lines/data/0/metadata"}) {
    if (auto tenant = fields.text(in_object(place) + "/tenant_id"); !tenant.empty()) return tenant;
  }
  return {};
}

void set_time(std::optional<Timestamp> at, google::protobuf::Timestamp* (v1::SubscriptionFacts::*field)(),
              v1::SubscriptionFacts& facts) {
  if (at) *(facts.*field)() = to_proto(*at);
}

v1::SubscriptionFacts subscription_facts(Fields& fields, StripeFact& fact) {
  const std::string item = in_object("items/data/0");
  using Facts = v1::SubscriptionFacts;
  Facts facts;
  fact.subscription_id = fields.required_text(in_object("id"));
  facts.set_stripe_subscription_id(fact.subscription_id);
  facts.set_stripe_customer_id(fact.customer_id);
  facts.set_status(fields.required_text(in_object("status")));
  facts.set_price_id(fields.first_id({item + "/price", item + "/plan", in_object("price"), in_object("plan")}));
  facts.set_quantity(fields.first_integer({item + "/quantity", in_object("quantity")}).value_or(0));
  set_time(fields.first_time({in_object("current_period_start"), item + "/current_period_start"}),
           &Facts::mutable_current_period_start, facts);
  set_time(fields.first_time({in_object("current_period_end"), item + "/current_period_end"}),
           &Facts::mutable_current_period_end, facts);
  set_time(fields.time(in_object("cancel_at")), &Facts::mutable_cancel_at, facts);
  set_time(fields.time(in_object("canceled_at")), &Facts::mutable_canceled_at, facts);
  set_time(fields.time(in_object("ended_at")), &Facts::mutable_ended_at, facts);
  facts.set_cancel_at_period_end(fields.boolean(in_object("cancel_at_period_end")));
  *facts.mutable_stated_at() = to_proto(fact.stated_at);
  facts.set_stripe_event_id(fact.event_id);
  return facts;
}

template <class M>
void read_subscription(Fields& fields, StripeFact& fact) {
  auto message = std::make_shared<M>();
  *message->mutable_subscription() = subscription_facts(fields, fact);
  fact.message = std::move(message);
}

v1::PaymentFacts payment_facts(Fields& fields, const StripeFact& fact, std::int64_t amount) {
  v1::PaymentFacts facts;
  facts.set_stripe_object_id(fields.required_text(in_object("id")));
  facts.set_stripe_customer_id(fact.customer_id);
  facts.set_stripe_subscription_id(fact.subscription_id);
  facts.set_amount_minor(amount);
  facts.set_currency(currency_of(fields));
  *facts.mutable_stated_at() = to_proto(fact.stated_at);
  facts.set_stripe_event_id(fact.event_id);
  return facts;
}

template <class M>
void set_payment(StripeFact& fact, v1::PaymentFacts facts) {
  auto message = std::make_shared<M>();
  *message->mutable_payment() = std::move(facts);
  fact.message = std::move(message);
}

v1::PaymentFacts invoice_facts(Fields& fields, StripeFact& fact, std::int64_t amount) {
  fact.subscription_id =
      fields.first_id({in_object("subscription"), in_object("parent/subscription_details/subscription")});
  auto facts = payment_facts(fields, fact, amount);
  const auto attempts = fields.integer(in_object("attempt_count")).value_or(0);
  if (attempts < 0 || attempts > std::numeric_limits<std::int32_t>::max()) {
    fields.fail(in_object("attempt_count"), "range", "must be a count");
  }
  facts.set_attempt_count(static_cast<std::int32_t>(attempts));
  if (const auto next = fields.time(in_object("next_payment_attempt")))
    *facts.mutable_next_attempt_at() = to_proto(*next);
  facts.set_invoice_number(fields.text(in_object("number")));
  facts.set_invoice_url(fields.text(in_object("hosted_invoice_url")));
  return facts;
}

std::int64_t amount_due(Fields& fields) {
  return fields.first_integer({in_object("amount_due"), in_object("total")}).value_or(0);
}

void read_invoice_paid(Fields& fields, StripeFact& fact) {
  const auto paid = fields.integer(in_object("amount_paid"));
  const auto amount = paid.value_or(0) > 0 ? *paid : amount_due(fields);
  auto facts = invoice_facts(fields, fact, amount);
  const bool of_nothing = paid && amount == 0;
  if (!of_nothing) set_payment<v1::PaymentSucceeded>(fact, std::move(facts));
}

void read_invoice_failed(Fields& fields, StripeFact& fact) {
  set_payment<v1::PaymentFailed>(fact, invoice_facts(fields, fact, amount_due(fields)));
}

void read_invoice_finalized(Fields& fields, StripeFact& fact) {
  set_payment<v1::InvoiceFinalized>(fact, invoice_facts(fields, fact, amount_due(fields)));
}

// A session may end before its money comes (bank debits): only what is paid is an amount.
void read_checkout(Fields& fields, StripeFact& fact) {
  fact.subscription_id = fields.id(in_object("subscription"));
  const bool paid = fields.text(in_object("payment_status")) == "paid";
  const auto total = fields.integer(in_object("amount_total")).value_or(0);
  set_payment<v1::CheckoutCompleted>(fact, payment_facts(fields, fact, paid ? total : 0));
}

void read_refund(Fields& fields, StripeFact& fact) {
  const auto amount = fields.first_integer({in_object("amount_refunded"), in_object("amount")}).value_or(0);
  set_payment<v1::PaymentRefunded>(fact, payment_facts(fields, fact, amount));
}

// A dispute names its charge; the customer is known only where the charge is expanded.
void read_dispute(Fields& fields, StripeFact& fact) {
  if (fields.is_expanded(in_object("charge"))) fact.customer_id = fields.id(in_object("charge/customer"));
  const auto amount = fields.integer(in_object("amount")).value_or(0);
  set_payment<v1::PaymentDisputed>(fact, payment_facts(fields, fact, amount));
}

struct Rule {
  std::string_view type;
  void (*read)(Fields&, StripeFact&);
};

constexpr Rule rules[] = {
    {"customer.subscription.created", &read_subscription<v1::SubscriptionCreated>},
    {"customer.subscription.updated", &read_subscription<v1::SubscriptionUpdated>},
    {"customer.subscription.deleted", &read_subscription<v1::SubscriptionDeleted>},
    {"customer.subscription.paused", &read_subscription<v1::SubscriptionPaused>},
    {"customer.subscription.resumed", &read_subscription<v1::SubscriptionResumed>},
    {"customer.subscription.trial_will_end", &read_subscription<v1::SubscriptionTrialEnding>},
    {"invoice.paid", &read_invoice_paid},
    {"invoice.payment_succeeded", &read_invoice_paid},
    {"invoice.payment_failed", &read_invoice_failed},
    {"invoice.finalized", &read_invoice_finalized},
    {"checkout.session.completed", &read_checkout},
    {"charge.refunded", &read_refund},
    {"charge.dispute.created", &read_dispute},
};

}  // namespace

Result<StripeFact> read_stripe_event(std::string_view raw_body) {
  const auto root = parse_json(raw_body);
  if (!root) return root.error();
  if (!root->is_object()) return Error::invalid("", "type", "must be an object");

  Fields fields(*root);
  StripeFact fact;
  fact.event_id = fields.required_text("/id");
  fact.type = fields.required_text("/type");
  fact.account = fields.text("/account");
  const auto created = fields.time("/created");
  if (!created) fields.fail("/created", "required", "must be given");
  fact.stated_at = created.value_or(Timestamp{});
  if (fields.failed()) return fields.error();

  const auto rule = std::ranges::find(rules, fact.type, &Rule::type);
  if (rule == std::end(rules)) return fact;
  fact.tenant_id = tenant_of(fields);
  fact.customer_id = fields.id(in_object("customer"));
  rule->read(fields, fact);
  if (fields.failed()) return fields.error();
  return fact;
}

}  // namespace tenantry::gateway
