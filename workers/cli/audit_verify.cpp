// tenantry audit verify and keygen: the log judged with public keys alone, and the signer's key made.
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <fstream>
#include <mutex>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "shared/audit_tree/deployment.h"
#include "shared/audit_tree/evidence.h"
#include "shared/audit_tree/verify_log.h"
#include "shared/db/connection.h"
#include "workers/archive/verify.h"
#include "workers/cli/audit_keys.h"
#include "workers/cli/commands.h"
#include "workers/cli/context.h"
#include "workers/cli/progress.h"
#include "workers/signer/state.h"

namespace tenantry::cli {
namespace {

constexpr std::size_t keys_size_max = 1024UL * 1024;
constexpr unsigned connections_max = 4;

struct Verify {
  std::string file, key, tenant_id, state;
};

void say(Session& session, const std::string& sentence, const nlohmann::ordered_json& machine) {
  if (session.json) {
    print_json(machine);
  } else {
    std::printf("%s\n", sentence.c_str());
  }
}

nlohmann::ordered_json machine_readable(const archive::EvidenceFile& file) {
  return {{"ok", true},
          {"tenant_id", audit::tenant_of_origin(file.checkpoint.origin)},
          {"first", file.first},
          {"past", file.first + file.count},
          {"signed_size", file.checkpoint.size}};
}

void verify_evidence(Session& session, const std::string& path, const audit::KeyRing& keys) {
  Progress progress;
  const auto file = archive::verify_evidence_file(path, keys, [&](std::uint64_t records) { progress.add(records); });
  if (!file) return session.fail(file.error());
  say(session,
      audit::log_name(audit::tenant_of_origin(file->checkpoint.origin)) + ": " + counted(file->count, "record") +
          " from " + std::to_string(file->first) + " on in the signed log of " + std::to_string(file->checkpoint.size),
      machine_readable(*file));
}

void verify_manifest(Session& session, const std::string& path, const audit::KeyRing& keys) {
  Progress progress;
  const auto month = archive::verify_month(path, keys, [&](std::uint64_t records) { progress.add(records); });
  if (!month) return session.fail(month.error());
  std::uint64_t records = 0;
  auto logs = nlohmann::ordered_json::array();
  for (const auto& file : month->files) {
    records += file.count;
    logs.push_back(machine_readable(file));
  }
  say(session,
      "month " + month->manifest.month + ": " + counted(records, "record") + " of " +
          counted(month->files.size(), "log") + " as signed; the manifest is " +
          (month->is_signed ? "signed" : "not signed"),
      {{"ok", true},
       {"month", month->manifest.month},
       {"records", records},
       {"manifest_sha256", to_hex(month->sha256)},
       {"manifest_signed", month->is_signed},
       {"logs", logs}});
}

void verify_file(Session& session, const Verify& wanted, const audit::KeyRing& keys) {
  std::ifstream in(wanted.file, std::ios::binary);
  std::string start(audit::evidence_line_max, '\0');
  in.read(start.data(), static_cast<std::streamsize>(start.size()));
  start.resize(static_cast<std::size_t>(in.gcount()));
  start.resize(std::min(start.find('\n'), start.size()));
  if (start.empty()) {
    return session.fail(
        {.code = Errc::not_found, .reason = "file_missing", .message = wanted.file + " cannot be read"});
  }
  if (start.starts_with("\x1f\x8b") || start.find(audit::evidence_format) != start.npos) {
    return verify_evidence(session, wanted.file, keys);
  }
  if (start.find(archive::manifest_format) != start.npos) return verify_manifest(session, wanted.file, keys);
  const auto text = archive::read_file(wanted.file, audit::evidence_line_max);
  if (!text) return session.fail(text.error());
  const auto proven = audit::verify_proof_document(*text, keys);
  if (!proven) return session.fail(proven.error());
  say(session, *proven, {{"ok", true}, {"proven", *proven}});
}

struct Log {
  std::string tenant_id;
  std::uint64_t size = 0;
  audit::LogVerdict verdict{};
};

std::vector<Log> logs_of(const std::string& url, const Verify& wanted, const signer::State::Heads& held) {
  db::Connection connection(url, "tenantry audit verify");
  db::Transaction tx(connection);
  std::vector<Log> out;
  std::set<std::string> named;
  for (const auto row : tx.exec("SELECT tenant_id, size FROM audit.heads WHERE $1 = '' OR tenant_id = $1 "
                                "UNION ALL SELECT DISTINCT tenant_id, 0 FROM audit.checkpoints c WHERE ($1 = '' OR "
                                "tenant_id = $1) AND NOT EXISTS (SELECT FROM audit.heads h WHERE h.tenant_id = "
                                "c.tenant_id) ORDER BY 1",
                                {wanted.tenant_id})) {
    out.push_back({std::string(row.text(0)), static_cast<std::uint64_t>(row.int64(1))});
    named.insert(out.back().tenant_id);
  }
  for (const auto& [tenant_id, frontier] : held) {
    const bool asked_for = wanted.tenant_id.empty() || wanted.tenant_id == tenant_id;
    if (asked_for && !named.contains(tenant_id)) out.push_back({tenant_id, 0});
  }
  return out;
}

// Logs are shared out among a few connections, the largest first.
void verify_logs(const std::string& url, const std::string& deployment, const audit::KeyRing& keys,
                 const signer::State::Heads& held, std::vector<Log>& logs, std::string& failed) {
  std::uint64_t total = 0;
  std::vector<Log*> order;
  for (auto& log : logs) {
    total += log.size;
    order.push_back(&log);
  }
  std::ranges::sort(order, std::greater{}, [](const Log* log) { return log->size; });
  Progress progress(total);
  std::atomic<std::size_t> next{0};
  std::mutex mutex;
  const auto work = [&] {
    try {
      db::Connection connection(url, "tenantry audit verify");
      for (auto i = next++; i < order.size(); i = next++) {
        auto& log = *order[i];
        const auto origin = audit::checkpoint_origin(deployment, log.tenant_id);
        audit::LogExpectation expectation{origin, keys.keys_for(origin)};
        if (const auto head = held.find(log.tenant_id); head != held.end()) expectation.signed_head = head->second;
        db::Transaction tx(connection);
        log.verdict =
            audit::verify_log(tx, log.tenant_id, expectation, [&](std::uint64_t records) { progress.add(records); });
      }
    } catch (const std::exception& error) {
      const std::lock_guard lock(mutex);
      failed = error.what();
    }
  };
  std::vector<std::thread> threads;
  const auto many = std::min<std::size_t>(std::clamp(std::thread::hardware_concurrency(), 1U, connections_max),
                                          std::max<std::size_t>(order.size(), 1));
  for (std::size_t i = 0; i < many; ++i) threads.emplace_back(work);
  for (auto& thread : threads) thread.join();
}

void print_verdict(Session& session, const Log& log) {
  const auto& verdict = log.verdict;
  if (verdict.finding) {
    const auto& finding = *verdict.finding;
    session.exit_code = 1;
    return say(session, finding.describe(),
               {{"ok", false},
                {"tenant_id", log.tenant_id},
                {"rule", finding.rule},
                {"sequence", finding.sequence},
                {"through", finding.through},
                {"detail", finding.detail}});
  }
  const auto unsigned_records = verdict.records - std::min(verdict.records, verdict.signed_size);
  say(session,
      audit::log_name(log.tenant_id) + ": " + counted(verdict.records, "record") + " and " +
          counted(verdict.checkpoints, "checkpoint") + " hold" +
          (verdict.archived == 0 ? ""
                                 : "; of the first " + std::to_string(verdict.archived) + ", archived, the hashes") +
          (unsigned_records == 0 ? "" : "; " + std::to_string(unsigned_records) + " not signed yet"),
      {{"ok", true},
       {"tenant_id", log.tenant_id},
       {"records", verdict.records},
       {"archived", verdict.archived},
       {"checkpoints", verdict.checkpoints},
       {"signed_size", verdict.signed_size}});
}

void verify_live(Session& session, const Verify& wanted, const audit::KeyRing& keys) {
  const auto url = session.setting("TENANTRY_DATABASE_URL");
  if (!url) return session.fail(url.error());
  config::Reader reader(session.environment);
  const auto deployment = audit::read_deployment(reader);
  signer::State::Heads held;
  if (!wanted.state.empty()) {
    auto read = signer::State::read_heads(wanted.state);
    if (!read) return session.fail(read.error());
    held = *std::move(read);
  }
  auto logs = logs_of(*url, wanted, held);
  if (logs.empty() && !wanted.tenant_id.empty()) {
    return session.fail(unknown_tenant(session, wanted.tenant_id));
  }
  std::string failed;
  verify_logs(*url, deployment, keys, held, logs, failed);
  if (!failed.empty()) return session.fail({.code = Errc::unavailable, .message = failed});
  for (const auto& log : logs) print_verdict(session, log);
}

void verify(Session& session, const Verify& wanted) {
  const auto keys = keys_of(session, wanted.key);
  if (!keys) {
    session.fail(keys.error());
    session.exit_code = 2;
    return;
  }
  if (wanted.file.empty()) return verify_live(session, wanted, *keys);
  verify_file(session, wanted, *keys);
}

void keygen(Session& session, const std::string& path) {
  const auto key = crypto::Ed25519Key::generate();
  if (const auto written = key.write_new_file(path); !written) return session.fail(written.error());
  const auto text = audit::public_key_text(key.public_key());
  say(session, text, {{"file", path}, {"public_key", text}});
}

}  // namespace

Result<audit::KeyRing> keys_of(const Session& session, const std::string& key) {
  if (key.empty()) {
    const auto published = session.setting("TENANTRY_AUDIT_KEYS");
    if (!published) return Error::invalid("--key", "required", "must be a vkey, a public key or a file of them");
    std::string words = *published;
    std::ranges::replace(words, ',', '\n');
    return audit::KeyRing::parse(words);
  }
  if (auto ring = audit::KeyRing::parse(key)) return ring;
  const auto text = archive::read_file(key, keys_size_max);
  if (!text) return Error::invalid("--key", "key", "must be a vkey, a public key or a file of them: " + key);
  return audit::KeyRing::parse(*text);
}

void add_audit_verify(Command& audit, Session& session) {
  auto* verified =
      audit.add_subcommand("verify",
                           "Check evidence, a proof, an archive, or the live log with public keys alone; exit code 1 "
                           "and the first bad record "
                           "where it "
                           "does not hold\n\nExamples:\n"
                           "  curl -H \"$AUTH\" $TENANTRY_URL/v1/audit/evidence > evidence.ndjson\n"
                           "  tenantry audit verify evidence.ndjson --key audit-keys.json\n"
                           "  tenantry audit verify /srv/archive/2025-01/manifest.json --key audit-keys.json\n"
                           "  tenantry audit verify --tenant acme --state /var/lib/tenantry-signer/state");
  static Verify wanted;
  verified->add_option("file", wanted.file,
                       "Evidence (also gzip), a proof, or the manifest of an archived month; without it the live log "
                       "(TENANTRY_DATABASE_URL)");
  verified->add_option("--key", wanted.key, "A vkey, a public key, or a file of them; TENANTRY_AUDIT_KEYS");
  verified->add_option("--tenant", wanted.tenant_id, "Live: one tenant's log; all");
  verified->add_option("--state", wanted.state, "Live: the signer's state file, to compare with what it signed");
  verified->callback([&session] { verify(session, wanted); });

  static std::string path;
  auto* made = audit.add_subcommand("keygen",
                                    "Make the signer's key in a new file of mode 0600, and print its public half\n\n"
                                    "Example:\n  tenantry audit keygen /var/lib/tenantry-signer/key.pem");
  made->add_option("file", path, "Where; must not exist")->required();
  made->callback([&session] { keygen(session, path); });
}

}  // namespace tenantry::cli
