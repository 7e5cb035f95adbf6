#include "workers/archive/archive.h"

#include <algorithm>
#include <thread>

#include "shared/audit_tree/checkpoint_store.h"
#include "shared/audit_tree/node_store.h"
#include "shared/db/connection.h"
#include "shared/gzip/gzip.h"
#include "shared/messaging/outbox.h"
#include "tenantry/events/v1/audit.pb.h"
#include "workers/archive/file.h"

namespace tenantry::archive {
namespace {

constexpr std::uint64_t slice_records = 100;  // may be large: some 300 KiB each at most
constexpr int tries_max = 15;                 // for the lock that lets the month go; each waits for two seconds
constexpr Seconds between_tries{2};           // in which those who waited behind us go on
constexpr const char* state_wrong = "55000";  // object_not_in_prerequisite_state
constexpr const char* lock_missing = "55P03";
constexpr const char* data_wrong = "22000";

std::string day_of(Timestamp at) {
  return to_rfc3339(at).substr(0, 10);
}

std::vector<Reason> reasons_to_keep(const std::vector<LogOfMonth>& logs, Timestamp at) {
  std::vector<Reason> out;
  for (const auto& log : logs) {
    if (!log.held_until) continue;
    out.push_back({"legal_hold", log.tenant_id,
                   "tenant " + log.tenant_id + " is under a legal hold until " + day_of(*log.held_until) + ": " +
                       log.hold_reason});
  }
  auto kept = logs;
  std::erase_if(kept, [&](const LogOfMonth& log) { return log.kept_until <= at; });
  std::ranges::stable_sort(kept, std::greater{}, &LogOfMonth::kept_until);
  for (const auto& log : kept) {
    out.push_back({"retention", log.tenant_id,
                   "tenant " + log.tenant_id + " keeps its records for " + std::to_string(log.retention_months) +
                       " months, these until " + day_of(log.kept_until)});
  }
  return out;
}

}  // namespace

std::vector<Month> list_months(db::Transaction& tx, Timestamp at, int others_months) {
  std::vector<Month> out;
  std::string earlier;  // the first that stays
  for (const auto& name : kept_months(tx)) {
    Month month{.month = name, .logs = logs_of_month(tx, name, at, others_months)};
    if (month.logs.empty()) continue;
    month.kept = reasons_to_keep(month.logs, at);
    if (!earlier.empty()) {
      month.kept.push_back(
          {"earlier_month", "", "the month " + earlier + " is still there, and months leave in order"});
    }
    if (earlier.empty() && !month.kept.empty()) earlier = name;
    out.push_back(std::move(month));
  }
  return out;
}

Result<Archived> Archiver::archive(const std::string& month) {
  if (!lock_archiving(connection_)) return Error::conflict("archiving", "another process is archiving this database");
  const auto logs = look(month);
  if (!logs) return logs.error();
  const auto folder = config_.to / month;
  if (const auto ours = check_folder(folder, month); !ours) return ours.error();
  std::filesystem::create_directories(folder);
  sync_folder(config_.to);

  Manifest manifest{.deployment = config_.deployment, .month = month};
  for (const auto& log : *logs) {
    before("file");
    auto written = write_log(folder, log);
    if (!written) return written.error();
    manifest.logs.push_back(*std::move(written));
  }
  before("manifest");
  if (const auto written = write_manifest(folder, manifest); !written) return written.error();

  // From here on counts what is on the disk.
  before("verify");
  const auto verified = verify_month(folder / manifest_name, config_.keys, progress);
  if (!verified) return verified.error();
  if (verified->manifest.to_text() != manifest.to_text()) {
    return Error{.code = Errc::refused, .reason = "archive_fails", .message = "the manifest is not the one written"};
  }
  Archived summary{.month = month, .logs = manifest.logs.size(), .manifest_sha256 = verified->sha256};
  for (const auto& log : manifest.logs) {
    summary.records += log.count;
    summary.bytes += log.bytes;
  }
  before("let_go");
  if (const auto gone = let_go(*verified, summary); !gone) return gone.error();
  before("end");
  return summary;
}

Result<std::vector<LogOfMonth>> Archiver::look(const std::string& month) {
  db::Transaction tx(connection_);
  for (auto& each : list_months(tx, now_, config_.others_months)) {
    if (each.month < month) {
      return Error::conflict("earlier_month", "the month " + each.month + " is still there, and months leave in order");
    }
    if (each.month != month) break;
    if (!each.kept.empty()) return Error::conflict("month_kept", each.kept.front().detail);
    return std::move(each.logs);
  }
  if (is_archived(tx, month)) return Error::conflict("archived", "the month " + month + " is archived already");
  return Error{.code = Errc::not_found, .reason = "no_records", .message = "there are no records of " + month};
}

// What an earlier run left half done is written again; what belongs to others is not touched.
Result<void> Archiver::check_folder(const std::filesystem::path& folder, const std::string& month) const {
  if (!std::filesystem::is_directory(config_.to)) {
    return Error::invalid("--to", "folder", "must be a folder that is there: " + config_.to.string());
  }
  if (!std::filesystem::exists(folder / manifest_name)) return {};
  const auto text = read_file(folder / manifest_name, manifest_size_max);
  if (!text) return text.error();
  const auto found = parse_manifest(*text);
  if (found && found->deployment == config_.deployment && found->month == month) return {};
  return Error::conflict("folder_taken", (folder / manifest_name).string() + " is not of this deployment and month");
}

Result<ManifestLog> Archiver::write_log(const std::filesystem::path& folder, const LogOfMonth& log) {
  const auto past = log.first + log.count;
  db::Transaction tx(connection_);
  const auto stored = audit::read_latest_checkpoint(tx, log.tenant_id);
  if (!stored || stored->size < past) {
    return Error::conflict("not_signed", "the log of tenant " + log.tenant_id + " is signed up to record " +
                                             std::to_string(stored ? stored->size : 0) +
                                             ", and the month ends before " + std::to_string(past) +
                                             ": is tenantry-signer running?");
  }
  const auto origin = audit::checkpoint_origin(config_.deployment, log.tenant_id);
  const auto checkpoint = audit::verified(*stored, origin, config_.keys.keys_for(origin));
  if (!checkpoint) return checkpoint.error();
  audit::PostgresNodes nodes(tx, log.tenant_id);
  auto in_front = audit::compact_range(nodes, 0, log.first);
  if (!in_front) return in_front.error();
  auto behind = audit::compact_range(nodes, past, checkpoint->size);
  if (!behind) return behind.error();

  ManifestLog out{.tenant_id = log.tenant_id,
                  .first = log.first,
                  .count = log.count,
                  .checkpoint_size = checkpoint->size,
                  .file = file_name_of(log.tenant_id)};
  DurableFile file(folder / out.file);
  Gzip gzip;
  file.write(gzip.compress(
      audit::evidence_line({stored->note, log.first, log.count, *std::move(in_front), *std::move(behind)})));
  for (auto at = log.first; at < past;) {
    const auto slice = read_leaves(tx, log.tenant_id, at, std::min(past, at + slice_records));
    if (slice.empty()) {
      return Error{.code = Errc::refused,
                   .reason = "record_missing",
                   .message = "tenant " + log.tenant_id + ": there is no record " + std::to_string(at)};
    }
    std::string lines;
    for (const auto& leaf : slice) audit::append_evidence_line(lines, at++, leaf);
    file.write(gzip.compress(lines));
    progress(slice.size());
  }
  file.write(gzip.finish());
  const auto kept = file.keep();
  out.bytes = kept.bytes;
  out.sha256 = kept.sha256;
  return out;
}

Result<void> Archiver::write_manifest(const std::filesystem::path& folder, const Manifest& manifest) const {
  const auto text = manifest.to_text();
  if (text.size() > manifest_size_max) {
    return Error{.code = Errc::too_large, .reason = "manifest_large", .message = "the month has too many logs"};
  }
  // A signature of an earlier run is not this manifest's.
  std::filesystem::remove(folder / signature_name);
  DurableFile file(folder / manifest_name);
  file.write(text);
  file.keep();
  if (!config_.key) return {};
  DurableFile signature(folder / signature_name);
  signature.write(signature_of(manifest, text, *config_.key));
  signature.keep();
  return {};
}

Result<void> Archiver::let_go(const ArchivedMonth& month, const Archived& summary) {
  for (int tried = 0; tried < tries_max; ++tried) {
    if (tried > 0) std::this_thread::sleep_for(between_tries);
    try {
      db::Transaction tx(connection_);
      messaging::Outbox outbox("/tenantry/cli", {.kind = "service", .id = "archive"}, ids_, now_);
      events::v1::AuditMonthArchived event;
      event.set_month(summary.month);
      event.set_records(static_cast<std::int64_t>(summary.records));
      event.set_logs(static_cast<std::int64_t>(summary.logs));
      event.set_manifest_sha256(to_hex(summary.manifest_sha256));
      outbox.publish("platform", event);
      outbox.flush(tx);
      // Last: its locks are the shorter.
      archive_month(tx, month, now_, config_.others_months);
      before("commit");
      tx.commit();
      return {};
    } catch (const db::StatementError& error) {
      if (error.sqlstate == state_wrong) return Error::conflict("month_kept", error.what());
      if (error.sqlstate == data_wrong) {
        return Error{.code = Errc::refused, .reason = "archive_fails", .message = error.what()};
      }
      if (error.sqlstate != lock_missing) throw;
    }
  }
  return Error{.code = Errc::unavailable,
               .reason = "log_in_use",
               .message = "readers of the audit log do not leave it for a moment: try again later"};
}

}  // namespace tenantry::archive
