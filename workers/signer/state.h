// State: what the signer has signed, and what it found wrong, in a journal of its own that
// PostgreSQL's users cannot reach.
//
// A line per signed head and per finding, JSON, appended and flushed to the disk before the
// head is published: killed anywhere, the signer signs the same head again or a later one.
// At its start, and each time it has
// grown by 16 MiB, the journal is rewritten to one line per tenant. A last line that a crash
// cut off was never acted on and is dropped; anything else that cannot be read stops the
// signer: it must not sign what it cannot compare. One process at a time holds it locked.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "shared/audit_tree/log_walk.h"
#include "shared/audit_tree/tree.h"

namespace tenantry::signer {

struct SignedHead {
  std::string tenant_id;
  audit::Frontier frontier;
};

class State {
 public:
  using Heads = std::map<std::string, audit::Frontier>;
  using Findings = std::map<std::string, audit::Finding>;

  // Locks and reads the journal, which need not exist. Errc::conflict where another process holds it, invalid (with the
  // line's number) where it is damaged.
  static Result<State> open(const std::string& path);
  // Without a lock or a change, for who verifies. Errc::not_found.
  static Result<Heads> read_heads(const std::string& path);

  State(State&&) noexcept;
  State& operator=(State&&) noexcept;
  ~State();

  const Heads& heads() const { return heads_; }
  const Findings& findings() const { return findings_; }  // open ones, by tenant

  // On the disk when they return; throw std::runtime_error where the disk refuses. A head never goes back: asserts.
  void add_heads(const std::vector<SignedHead>& heads);
  void open_finding(const audit::Finding& finding);
  void close_finding(const std::string& tenant_id);

 private:
  State() = default;
  static Result<State> parse(const std::string& text, const std::string& path);
  void append(const std::string& lines);
  void rewrite();

  std::string path_;
  Heads heads_;
  Findings findings_;
  int lock_ = -1;
  int file_ = -1;
  std::size_t written_ = 0;  // since the journal was rewritten
};

}  // namespace tenantry::signer
