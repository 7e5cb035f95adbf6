#include "workers/gateway/stripe/event.h"

#include <algorithm>
#include <initializer_list>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>

#include <array>
#include <charconv>
#include <span>

#include "events/proto_time.h"
#include "shared/core/bytes.h"
#include "shared/core/rare.h"
#include "shared/crypto/hash.h"
#include "shared/json/json.h"
#include "tenantry/events/v1/billing.pb.h"

namespace tenantry::gateway {
namespace {

namespace v1 = tenantry::events::v1;
using events::to_proto;
using nlohmann::json;

constexpr std::int64_t unix_seconds_max = 253'402'300'799;  // the last second of the year 9999
constexpr std::size_t items_max = 100;                      // of a subscription; Stripe allows 20
constexpr std::size_t payments_max = 20;                    // of an invoice, that are looked at
constexpr std::size_t object_id_size_max = 255;             // as Stripe's own
constexpr std::size_t event_id_size_max = 255;

// Neither the database nor a header has a place for U+0000. It stands in no id of ours, so such an event is kept like
// any that names nobody we know.
std::string without_nul(std::string text) {
  constexpr std::string_view replacement = "\xEF\xBF\xBD";
  for (auto at = text.find('\0'); at != text.npos; at = text.find('\0', at)) text.replace(at, 1, replacement);
  return text;
}

// An escape of half a character ("\\ud83d" alone) is legal in a string of JavaScript, and in none of ours: it becomes
// the replacement character.
std::string with_whole_characters(std::string_view raw) {
  const auto unit_at = [&](std::size_t at) -> unsigned {
    unsigned unit = 0;
    if (at + 6 > raw.size() || raw[at] != '\\' || raw[at + 1] != 'u') return 0;
    const auto* end = raw.data() + at + 6;
    return std::from_chars(raw.data() + at + 2, end, unit, 16).ptr == end ? unit : 0;
  };
  const auto is_high = [](unsigned unit) { return unit >= 0xD800 && unit < 0xDC00; };
  const auto is_low = [](unsigned unit) { return unit >= 0xDC00 && unit < 0xE000; };
  std::string out;
  for (std::size_t at = 0; at < raw.size();) {
    if (raw[at] != '\\') {
      out += raw[at++];
      continue;
    }
    const auto unit = unit_at(at);
    std::size_t size = unit_at(at) == 0 ? 2 : 6;
    if (is_high(unit) && is_low(unit_at(at + 6))) {
      size = 12;
    } else if (is_high(unit) || is_low(unit)) {
      out += "\\ufffd";
      at += size;
      continue;
    }
    out += raw.substr(at, size);
    at += size;
  }
  return out;
}

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
    if (const auto* text = value->get_ptr<const std::string*>()) return without_nul(*text);
    fail(pointer, "type", "must be a string");
    return {};
  }

  // One of Stripe's enumerations, which grow: of a value that we do not know nobody can say what it means.
  std::string choice(const std::string& pointer, std::span<const std::string_view> known) {
    auto value = text(pointer);
    if (!value.empty() && std::ranges::find(known, value) == known.end()) {
      fail(pointer, "unknown_value", "no rule for \"" + value + "\"");
    }
    return value;
  }

  // Of an array; 0 where there is none.
  std::size_t size(const std::string& pointer, std::size_t size_max) {
    const auto* value = find(pointer);
    if (value == nullptr) return 0;
    if (!value->is_array()) fail(pointer, "type", "must be an array");
    if (value->size() > size_max) fail(pointer, "size", "must have at most " + std::to_string(size_max) + " elements");
    return failed() ? 0 : value->size();
  }

  bool is_there(const std::string& pointer) { return find(pointer) != nullptr; }

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
    if (value->is_string()) return without_nul(value->get<std::string>());
    fail(pointer, "type", "must be an id or an object with one");
    return {};
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
      } else if (const auto index = index_of(token); at->is_array() && index) {
        if (*index >= at->size()) return nullptr;
        at = &(*at)[*index];
      } else {
        fail(pointer.substr(0, start - 1), "type", index ? "must be an array" : "must be an object");
        return nullptr;
      }
      if (at->is_null()) return nullptr;
      start = end + 1;
    }
    return at;
  }

  static std::optional<std::size_t> index_of(const std::string& token) {
    std::size_t index = 0;
    const auto [end, error] = std::from_chars(token.data(), token.data() + token.size(), index);
    if (error != std::errc{} || end != token.data() + token.size()) return std::nullopt;
    return index;
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

// ---- the words of Stripe's that we have rules for ------------------------------------------------------------------

constexpr std::array<std::string_view, 8> subscription_statuses = {
    "incomplete", "incomplete_expired", "trialing", "active", "past_due", "unpaid", "paused", "canceled"};
constexpr std::array<std::string_view, 5> pause_reasons = {"trial_end_without_payment_method", "first_payment_failure",
                                                           "final_payment_failure", "pause_requested", "system"};
constexpr std::array<std::string_view, 5> invoice_statuses = {"draft", "open", "paid", "uncollectible", "void"};
constexpr std::array<std::string_view, 9> billing_reasons = {"automatic_pending_invoice_item_invoice",
                                                             "manual",
                                                             "quote_accept",
                                                             "subscription",
                                                             "subscription_create",
                                                             "subscription_cycle",
                                                             "subscription_threshold",
                                                             "subscription_update",
                                                             "upcoming"};
constexpr std::array<std::string_view, 3> payment_statuses = {"paid", "unpaid", "no_payment_required"};
constexpr std::array<std::string_view, 4> dispute_ends = {"won", "lost", "warning_closed", "prevented"};

// ---- whose it is ---------------------------------------------------------------------------------------------------

// What can be read of it, by a reader of its own: where something else has the wrong type this says less, and refuses
// nothing.
template <class F>
auto leniently(const json& root, F read) {
  Fields fields(root);
  auto value = read(fields);
  return fields.failed() ? decltype(value){} : value;
}

std::string tenant_of(const json& root) {
  for (const auto* place :
       {"metadata", "subscription_details/metadata", "parent/subscription_details/metadata", "lines/data/0/metadata"}) {
    auto tenant = leniently(root, [&](Fields& fields) { return fields.text(in_object(place) + "/tenant_id"); });
    if (!tenant.empty()) return tenant;
  }
  return {};
}

// What kind of object it is; the smallest of Stripe's examples leave it to the event's type.
std::string kind_of(const json& root) {
  const auto kind = leniently(root, [](Fields& fields) { return fields.text(in_object("object")); });
  if (!kind.empty()) return kind;
  const auto type = leniently(root, [](Fields& fields) { return fields.text("/type"); });
  for (const auto& [prefix, object_kind] : {std::pair{"customer.subscription.", "subscription"},
                                            {"customer.source.", "source"},
                                            {"payment_method.", "payment_method"},
                                            {"customer.", "customer"},
                                            {"invoice.", "invoice"},
                                            {"checkout.session.", "checkout.session"},
                                            {"charge.dispute.", "dispute"},
                                            {"charge.", "charge"}}) {
    if (type.starts_with(prefix)) return object_kind;
  }
  return {};
}

// Its own id, where it is one of these; the others' say nothing of whose they are.
std::string own_id(const json& root, std::initializer_list<std::string_view> kinds) {
  if (std::ranges::find(kinds, kind_of(root)) == kinds.end()) return {};
  return leniently(root, [](Fields& fields) { return fields.text(in_object("id")); });
}

std::vector<std::string> object_ids_of(const json& root) {
  std::vector<std::string> out;
  const auto add = [&](const std::string& id) {
    const bool usable = !id.empty() && id.size() <= object_id_size_max;
    if (usable && std::ranges::find(out, id) == out.end()) out.push_back(id);
  };
  const auto at = [&](std::string_view place) {
    add(leniently(root, [&](Fields& fields) { return fields.id(in_object(place)); }));
  };
  add(own_id(root, {"subscription"}));
  at("subscription");
  at("parent/subscription_details/subscription");
  add(own_id(root, {"customer"}));
  at("customer");
  at("charge/customer");
  add(leniently(root, [](Fields& fields) { return fields.id("/data/previous_attributes/customer"); }));
  add(own_id(root, {"charge"}));
  at("charge");
  at("latest_charge");
  add(own_id(root, {"payment_intent"}));
  at("payment_intent");
  at("payment/payment_intent");
  at("payment/charge");
  add(own_id(root, {"invoice"}));
  at("invoice");
  at("latest_invoice");
  add(own_id(root, {"checkout.session", "refund", "dispute", "credit_note", "payment_method", "card", "source"}));
  for (std::size_t i = 0; i < payments_max; ++i) {
    const auto payment = "payments/data/" + std::to_string(i) + "/payment/";
    at(payment + "charge");
    at(payment + "payment_intent");
  }
  return out;
}

// ---- what it says --------------------------------------------------------------------------------------------------

void set_time(std::optional<Timestamp> at, google::protobuf::Timestamp* (v1::SubscriptionFacts::*field)(),
              v1::SubscriptionFacts& facts) {
  if (at) *(facts.*field)() = to_proto(*at);
}

void read_items(Fields& fields, v1::SubscriptionFacts& facts) {
  const auto list = in_object("items/data");
  for (std::size_t i = 0, count = fields.size(list, items_max); i < count; ++i) {
    const auto at = list + "/" + std::to_string(i);
    auto& item = *facts.add_items();
    item.set_stripe_item_id(fields.text(at + "/id"));
    item.set_price_id(fields.first_id({at + "/price", at + "/plan"}));
    item.set_quantity(fields.integer(at + "/quantity").value_or(0));
  }
  if (facts.items_size() > 0 && !facts.items(0).price_id().empty()) return;
  // The oldest shapes have one price, on the subscription itself.
  const auto price = fields.first_id({in_object("price"), in_object("plan")});
  if (price.empty()) return;
  auto& item = facts.items_size() > 0 ? *facts.mutable_items(0) : *facts.add_items();
  item.set_price_id(price);
  item.set_quantity(fields.integer(in_object("quantity")).value_or(item.quantity()));
}

// An update says what it changed; where that is not the status, the status is older than the update.
bool confirms_status(Fields& fields, const StripeFact& fact) {
  if (fact.type.starts_with("customer.subscription.pending_update_")) return true;
  return fact.type == "customer.subscription.updated" && fields.is_there("/data/previous_attributes") &&
         !fields.is_there("/data/previous_attributes/status");
}

v1::SubscriptionFacts subscription_facts(Fields& fields, StripeFact& fact) {
  const std::string item = in_object("items/data/0");
  using Facts = v1::SubscriptionFacts;
  Facts facts;
  facts.set_stripe_subscription_id(fields.required_text(in_object("id")));
  facts.set_stripe_customer_id(fields.id(in_object("customer")));
  fields.required_text(in_object("status"));
  facts.set_status(fields.choice(in_object("status"), subscription_statuses));
  facts.set_pause_reason(fields.choice(in_object("status_details/paused/subscription/type"), pause_reasons));
  read_items(fields, facts);
  if (facts.items_size() > 0) {
    facts.set_price_id(facts.items(0).price_id());
    facts.set_quantity(facts.items(0).quantity());
  }
  set_time(fields.first_time({in_object("current_period_start"), item + "/current_period_start"}),
           &Facts::mutable_current_period_start, facts);
  set_time(fields.first_time({in_object("current_period_end"), item + "/current_period_end"}),
           &Facts::mutable_current_period_end, facts);
  set_time(fields.time(in_object("cancel_at")), &Facts::mutable_cancel_at, facts);
  set_time(fields.time(in_object("canceled_at")), &Facts::mutable_canceled_at, facts);
  set_time(fields.time(in_object("ended_at")), &Facts::mutable_ended_at, facts);
  set_time(fields.time(in_object("trial_end")), &Facts::mutable_trial_end, facts);
  facts.set_cancel_at_period_end(fields.boolean(in_object("cancel_at_period_end")));
  facts.set_confirms_status(confirms_status(fields, fact));
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
  facts.set_stripe_customer_id(fields.id(in_object("customer")));
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

// `status` is what the event's type says, where the object does not.
v1::PaymentFacts invoice_facts(Fields& fields, const StripeFact& fact, std::int64_t amount, std::string_view status) {
  auto facts = payment_facts(fields, fact, amount);
  facts.set_stripe_subscription_id(
      fields.first_id({in_object("subscription"), in_object("parent/subscription_details/subscription")}));
  const auto stated = fields.choice(in_object("status"), invoice_statuses);
  facts.set_invoice_status(stated.empty() ? std::string(status) : stated);
  facts.set_billing_reason(fields.choice(in_object("billing_reason"), billing_reasons));
  facts.set_total_minor(fields.first_integer({in_object("total"), in_object("amount_due")}).value_or(0));
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

// What is still to be paid, or, where the customer's credit has settled it, what it came to.
std::int64_t amount_due(Fields& fields) {
  const auto due = fields.integer(in_object("amount_due"));
  if (due.value_or(0) > 0) return *due;
  return std::max<std::int64_t>(0, fields.integer(in_object("total")).value_or(0));
}

void read_invoice_paid(Fields& fields, StripeFact& fact) {
  const InvoiceSums sums{.amount_paid = fields.integer(in_object("amount_paid")),
                         .total = fields.first_integer({in_object("total"), in_object("amount_due")}),
                         .credited = fields.integer(in_object("pre_payment_credit_notes_amount")).value_or(0)};
  const auto amount = sums.amount_paid.value_or(0) > 0 ? *sums.amount_paid : amount_due(fields);
  auto facts = invoice_facts(fields, fact, amount, "paid");
  facts.set_invoice_status("paid");
  if (counts_as_payment(sums)) return set_payment<v1::PaymentSucceeded>(fact, std::move(facts));
  set_payment<v1::InvoiceClosed>(fact, std::move(facts));
}

void read_invoice_failed(Fields& fields, StripeFact& fact) {
  set_payment<v1::PaymentFailed>(fact, invoice_facts(fields, fact, amount_due(fields), "open"));
}

void read_invoice_finalized(Fields& fields, StripeFact& fact) {
  set_payment<v1::InvoiceFinalized>(fact, invoice_facts(fields, fact, amount_due(fields), "open"));
}

void read_invoice_voided(Fields& fields, StripeFact& fact) {
  set_payment<v1::InvoiceClosed>(fact, invoice_facts(fields, fact, amount_due(fields), "void"));
}

void read_invoice_written_off(Fields& fields, StripeFact& fact) {
  set_payment<v1::InvoiceClosed>(fact, invoice_facts(fields, fact, amount_due(fields), "uncollectible"));
}

// Most updates change what we do not look at; a credit note that covers an open invoice tells of itself nowhere else.
void read_invoice_updated(Fields& fields, StripeFact& fact) {
  auto facts = invoice_facts(fields, fact, amount_due(fields), "open");
  if (facts.invoice_status() == "open" || facts.invoice_status() == "draft") return;
  set_payment<v1::InvoiceClosed>(fact, std::move(facts));
}

// A session may end before its money comes (bank debits): only what is paid is an amount.
void read_checkout(Fields& fields, StripeFact& fact) {
  const bool paid = fields.choice(in_object("payment_status"), payment_statuses) == "paid";
  const auto total = fields.integer(in_object("amount_total")).value_or(0);
  auto facts = payment_facts(fields, fact, paid ? total : 0);
  facts.set_stripe_subscription_id(fields.id(in_object("subscription")));
  facts.set_total_minor(total);
  set_payment<v1::CheckoutCompleted>(fact, std::move(facts));
}

void read_checkout_failed(Fields& fields, StripeFact& fact) {
  const auto total = fields.integer(in_object("amount_total")).value_or(0);
  auto facts = payment_facts(fields, fact, total);
  facts.set_stripe_subscription_id(fields.id(in_object("subscription")));
  facts.set_total_minor(total);
  set_payment<v1::PaymentFailed>(fact, std::move(facts));
}

void read_refund(Fields& fields, StripeFact& fact) {
  const auto whole = fields.integer(in_object("amount")).value_or(0);
  auto facts = payment_facts(fields, fact, fields.integer(in_object("amount_refunded")).value_or(whole));
  facts.set_total_minor(whole);
  set_payment<v1::PaymentRefunded>(fact, std::move(facts));
}

void read_dispute(Fields& fields, StripeFact& fact) {
  const auto amount = fields.integer(in_object("amount")).value_or(0);
  set_payment<v1::PaymentDisputed>(fact, payment_facts(fields, fact, amount));
}

void read_dispute_closed(Fields& fields, StripeFact& fact) {
  auto facts = payment_facts(fields, fact, fields.integer(in_object("amount")).value_or(0));
  fields.required_text(in_object("status"));
  facts.set_outcome(fields.choice(in_object("status"), dispute_ends));
  set_payment<v1::PaymentDisputeClosed>(fact, std::move(facts));
}

std::int32_t part_of_date(Fields& fields, const std::string& pointer, std::int64_t most) {
  const auto value = fields.integer(pointer).value_or(0);
  if (value >= 0 && value <= most) return static_cast<std::int32_t>(value);
  fields.fail(pointer, "range", "must be a part of a date");
  return 0;
}

// Cards of before there were payment methods have on top what those have in `card`.
v1::PaymentMethodFacts payment_method_facts(Fields& fields, const StripeFact& fact) {
  v1::PaymentMethodFacts facts;
  facts.set_stripe_payment_method_id(fields.required_text(in_object("id")));
  facts.set_stripe_customer_id(fields.first_id({in_object("customer"), "/data/previous_attributes/customer"}));
  auto kind = fields.text(in_object("type"));
  facts.set_kind(kind.empty() ? fields.text(in_object("object")) : std::move(kind));
  const std::string card = fields.is_there(in_object("card")) ? in_object("card") : object;
  facts.set_brand(fields.text(card + "/brand"));
  facts.set_last4(fields.text(card + "/last4"));
  facts.set_exp_month(part_of_date(fields, card + "/exp_month", 12));
  facts.set_exp_year(part_of_date(fields, card + "/exp_year", 9'998));
  *facts.mutable_stated_at() = to_proto(fact.stated_at);
  facts.set_stripe_event_id(fact.event_id);
  return facts;
}

template <class M>
void read_payment_method(Fields& fields, StripeFact& fact) {
  auto message = std::make_shared<M>();
  *message->mutable_payment_method() = payment_method_facts(fields, fact);
  fact.message = std::move(message);
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
    {"customer.subscription.pending_update_applied", &read_subscription<v1::SubscriptionUpdated>},
    {"customer.subscription.pending_update_expired", &read_subscription<v1::SubscriptionUpdated>},
    {"customer.subscription.trial_will_end", &read_subscription<v1::SubscriptionTrialEnding>},
    {"invoice.paid", &read_invoice_paid},
    {"invoice.payment_succeeded", &read_invoice_paid},
    {"invoice.payment_failed", &read_invoice_failed},
    {"invoice.finalized", &read_invoice_finalized},
    {"invoice.voided", &read_invoice_voided},
    {"invoice.marked_uncollectible", &read_invoice_written_off},
    {"invoice.updated", &read_invoice_updated},
    {"checkout.session.completed", &read_checkout},
    {"checkout.session.async_payment_succeeded", &read_checkout},
    {"checkout.session.async_payment_failed", &read_checkout_failed},
    {"charge.refunded", &read_refund},
    {"charge.dispute.created", &read_dispute},
    {"charge.dispute.closed", &read_dispute_closed},
    {"payment_method.attached", &read_payment_method<v1::PaymentMethodStated>},
    {"payment_method.updated", &read_payment_method<v1::PaymentMethodStated>},
    {"payment_method.automatically_updated", &read_payment_method<v1::PaymentMethodStated>},
    {"payment_method.detached", &read_payment_method<v1::PaymentMethodDetached>},
    {"customer.source.created", &read_payment_method<v1::PaymentMethodStated>},
    {"customer.source.updated", &read_payment_method<v1::PaymentMethodStated>},
    {"customer.source.expiring", &read_payment_method<v1::PaymentMethodStated>},
    {"customer.source.deleted", &read_payment_method<v1::PaymentMethodDetached>},
};

// Of a v2 event: an instant in words.
std::optional<Timestamp> read_created(Fields& fields, bool thin) {
  if (!thin) return fields.time("/created");
  const auto at = from_rfc3339(fields.text("/created"));
  if (!at && !fields.failed()) fields.fail("/created", "time", "must be an instant as RFC 3339 has it");
  return at ? std::optional(*at) : std::nullopt;
}

std::string event_id_of(const json& root, std::string_view raw_body) {
  const auto id = root.is_object() ? leniently(root, [](Fields& fields) { return fields.text("/id"); }) : std::string{};
  if (!id.empty() && id.size() <= event_id_size_max) return id;
  return "unreadable_" + to_hex(crypto::sha256(as_bytes(raw_body)));
}

void read_envelope(Fields& fields, const json& root, StripeFact& fact) {
  const bool thin = fields.text("/object") == "v2.core.event";
  fields.required_text("/id");
  if (const auto type = fields.required_text("/type"); !type.empty()) fact.type = type;
  fact.account = fields.text("/account");
  fact.live = fields.boolean("/livemode");
  const auto created = read_created(fields, thin);
  if (!created) fields.fail("/created", "required", "must be given");
  fact.stated_at = created.value_or(Timestamp{});
  fact.tenant_id = tenant_of(root);
  fact.object_ids = object_ids_of(root);
  fact.of_test_clock = !leniently(root, [](Fields& own) { return own.id(in_object("test_clock")); }).empty();
  if (fact.type.starts_with("checkout.session.")) {
    fact.reference = leniently(root, [](Fields& own) { return own.text(in_object("client_reference_id")); });
  }
}

}  // namespace

std::vector<std::string> stripe_types() {
  std::vector<std::string> types;
  for (const auto& rule : rules) types.emplace_back(rule.type);
  return types;
}

StripeFact read_stripe_event(std::string_view raw_body) {
  StripeFact fact;
  fact.type = "unreadable";
  const auto root = parse_json(with_whole_characters(raw_body));
  fact.event_id = event_id_of(root ? *root : json{}, raw_body);
  if (!root) {
    fact.unreadable = root.error();
    return fact;
  }
  if (!root->is_object()) {
    fact.unreadable = Error::invalid("", "type", "must be an object");
    return fact;
  }
  Fields fields(*root);
  read_envelope(fields, *root, fact);
  const auto rule = std::ranges::find(rules, fact.type, &Rule::type);
  if (rule != std::end(rules) && !fields.failed()) rule->read(fields, fact);
  if (fields.failed()) {
    fact.message = nullptr;
    fact.unreadable = fields.error();
  }
  return fact;
}

bool says_the_same(const StripeFact& left, const StripeFact& right) {
  if (left.type != right.type || left.unreadable || right.unreadable) return false;
  if (!left.message || !right.message) return !left.message && !right.message;
  return left.message->GetDescriptor() == right.message->GetDescriptor() &&
         left.message->SerializeAsString() == right.message->SerializeAsString();
}

bool counts_as_payment(const InvoiceSums& sums) {
  if (rare::is(rare::Mutant::nothing_is_payment)) return true;
  if (sums.amount_paid.value_or(0) > 0) return true;
  if (!sums.total) return !sums.amount_paid;  // the oldest shapes say no more than that it is paid
  return *sums.total > 0 && sums.credited < *sums.total;
}

}  // namespace tenantry::gateway
