// AuditTails: the audit log as it is written, to any client that listens (server-sent
// events).
//
// One question for all of them, twice a second, says whose log has grown; only then a
// client's records are read. Nobody waits on a lane, and a client that does not read is
// not read for. On the loop, but for what a lane is given.
#pragma once

#include <list>
#include <map>
#include <memory>
#include <string>

#include "shared/loop/loop.h"
#include "workers/gateway/edge/streams.h"

namespace tenantry::db {
class Connection;
}

namespace tenantry::gateway {

struct AuditQuery;
struct Call;
struct Services;

class AuditTails {
 public:
  explicit AuditTails(Services& services);
  ~AuditTails();

  // The stream has begun; the query's page says from where on.
  void add(const std::shared_ptr<Call>& call, AuditQuery query, StreamCounts::Place place);

  // Whoever is cut off comes again, with Last-Event-ID, and is checked anew.
  void stop();

 private:
  struct Client;
  using ClientPtr = std::shared_ptr<Client>;
  using Sizes = std::map<std::string, std::int64_t>;

  void tick();
  void ask();
  void read_grown(const Sizes& sizes);
  void read(const ClientPtr& client);
  void end(Client& client);

  Services& services_;
  loop::Timer timer_;
  std::list<ClientPtr> clients_;
  bool asking_ = false;
};

}  // namespace tenantry::gateway
