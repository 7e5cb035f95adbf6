// Signer: signs the heads of the audit logs, after reading their new records again.
//
// A round looks at every head. Where one grew, the new leaves are hashed from their bytes,
// starting at the frontier that was signed last, and held against hashes, columns, nodes
// and head (shared/audit_tree/log_walk.h). What holds is written to the state file, then
// published. What does not hold raises audit.tampering_detected once, and that log is not
// signed again until a whole re-check finds nothing; the others go on. Each round also
// reads some old records again, so that what is changed in place is found, too. A log under
// a name that no key can bear is told of and left out: whatever a row says, the others go on.
//
// One thread. Throws what shared/db throws, and where the state file cannot be written; the
// next round begins where this one was.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>

#include "shared/core/clock.h"
#include "shared/core/ids.h"
#include "shared/db/connection.h"
#include "workers/signer/config.h"
#include "workers/signer/state.h"
#include "workers/signer/store.h"

namespace tenantry::signer {

class Signer {
 public:
  Signer(const SignerConfig& config, State& state, db::Connection& connection, const Clock& clock, IdGenerator& ids);

  void round();

  // Where round() may be cut short by a test: after the state is on the disk, before anything is published.
  std::function<void()> before_publishing{};

 private:
  std::optional<audit::Finding> derive(const std::string& tenant_id, const audit::StoredHead& head);
  void sign_grown(const StoredHeads& heads);
  void publish_signed();
  void recheck(const StoredHeads& heads);
  void begin_recheck();
  std::optional<audit::Finding> read_again(std::uint64_t& left);
  void report(const audit::Finding& finding);
  audit::StoredCheckpoint signed_checkpoint(const std::string& tenant_id, const audit::Frontier& frontier) const;
  bool is_ours(const audit::StoredCheckpoint& published) const;
  bool can_sign(const std::string& tenant_id);

  const SignerConfig& config_;
  State& state_;
  db::Connection& connection_;
  const Clock& clock_;
  IdGenerator& ids_;

  std::map<std::string, std::uint64_t> published_;  // the largest size of each tenant
  std::map<std::string, audit::Hash> foreign_;      // roots published above what the state knows, by tenant
  bool started_ = false;
  std::map<std::string, audit::Frontier> ahead_;  // derived and found good in this round
  std::set<std::string> unsignable_;              // those told of
  struct Recheck {
    std::string tenant_id;
    audit::LogWalk walk;
    audit::Frontier until;
    std::uint64_t expected_through = 0;
  };
  std::optional<Recheck> recheck_;
  std::string rechecked_last_;
};

}  // namespace tenantry::signer
