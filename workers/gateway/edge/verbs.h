// Verbs: what a handler does with its call. It reads, it changes something, or it answers with a stream (streams.h).
//
// Called on the loop. The work runs on a lane inside one transaction, more than once where that is rerun, and what it
// returns is the answer; its error is the refusal.
#pragma once

#include <functional>
#include <initializer_list>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "workers/gateway/edge/cursor.h"
#include "workers/gateway/edge/render.h"
#include "workers/gateway/edge/services.h"

namespace tenantry::gateway {

using Reading = std::function<Result<http::Response>(db::Transaction&)>;
using Changing = std::function<Result<http::Response>(db::Transaction&, messaging::Outbox&)>;

void read(Services& services, const CallPtr& call, Reading work);

// As the caller. `then`: on the loop, after the commit and before the answer.
void change(Services& services, const CallPtr& call, Changing work, std::function<void()> then = {});

// As `then` of what changes who may do what: what this process has cached is dropped before the answer goes out; others
// hear the signal in the outbox.
std::function<void()> forget(Services& services, const CallPtr& call);

// The id of the path; nil, which is nobody's, for what is none: absent and foreign look alike.
Uuid id_of(const Call& call);

// The same for what was asked, or why it cannot be; `work(asked, tx, outbox)`.
template <class T, class Work>
void change(Services& services, const CallPtr& call, Result<T> asked, Work work, std::function<void()> then = {}) {
  if (!asked) return services.refuse(call, asked.error());
  change(
      services, call,
      [asked = *std::move(asked), work = std::move(work)](db::Transaction& tx, messaging::Outbox& outbox) {
        return work(asked, tx, outbox);
      },
      std::move(then));
}

// On the lanes for what looks through the audit log.
void search(Services& services, const CallPtr& call, Reading work);
void search_on_record(Services& services, const CallPtr& call, Changing work);

// With a super-admin's read, in its transaction: the audit log says who has looked, the tenant's or the platform's
// where it was at all of them. `what`: tenant, dead_letter, or a list's name.
void tell_read(messaging::Outbox& outbox, std::string_view tenant_id, std::string_view what, std::string_view id = {});

Error no_tenant(const Call& call);  // of the id in the path or the body

std::string query(const Call& call, std::string_view name);  // "" where absent

// One of `known`, or nothing; else 422.
Result<std::string> choice(const Call& call, const char* name, std::initializer_list<std::string_view> known);

// ---- lists, a page at a time

struct Page {
  std::optional<TimedPlace> after{};  // nothing: the first page
  int limit = 50;
  // As parameters; null for the first page.
  db::Param time() const;
  db::Param id() const;
};

// By (time, id), which are fields of the items.
struct ListShape {
  const char* name;  // of the array in the answer; also what the audit log says that a super-admin has read
  const char* time_field = "created_at";
  const char* id_field = "id";
  bool uuid_ids = true;
  bool of_tenant = false;  // a super-admin's, of the tenant in the path: its log says who has looked
};
using Listing = std::function<nlohmann::json(db::Transaction&, const Page&)>;  // up to page.limit items
void list(Services& services, const CallPtr& call, const ListShape& shape, Listing items,
          std::function<void(db::Transaction&, nlohmann::json&)> extend = {});

}  // namespace tenantry::gateway
