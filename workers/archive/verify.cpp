#include "workers/archive/verify.h"

#include <fstream>

#include "shared/gzip/gzip.h"

namespace tenantry::archive {
namespace {

constexpr std::size_t piece_size = 64UL * 1024;

Error unreadable(const std::filesystem::path& path) {
  return {.code = Errc::not_found, .reason = "file_missing", .message = path.string() + " cannot be read"};
}

// Lines of a stream that comes in pieces.
class Lines {
 public:
  using Take = std::function<Result<void>(std::string_view line)>;
  explicit Lines(Take take) : take_(std::move(take)) {}

  Result<void> feed(std::string_view piece) {
    for (auto end = piece.find('\n'); end != piece.npos; end = piece.find('\n')) {
      rest_ += piece.substr(0, end);
      piece.remove_prefix(end + 1);
      if (const auto taken = take(); !taken) return taken;
    }
    rest_ += piece;
    if (rest_.size() > audit::evidence_line_max) return Error::invalid("line", "size", "is too long");
    return {};
  }
  Result<void> finish() { return rest_.empty() ? Result<void>{} : take(); }

 private:
  Result<void> take() {
    if (rest_.size() > audit::evidence_line_max) return Error::invalid("line", "size", "is too long");
    const auto taken = take_(rest_);
    rest_.clear();
    return taken;
  }
  Take take_;
  std::string rest_;
};

// The file's bytes in pieces, expanded where they are compressed; `sha256` gets them as they lie there.
Result<std::uint64_t> read_pieces(const std::filesystem::path& path, crypto::Sha256& sha256, const Gunzip::Take& take) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return unreadable(path);
  std::optional<Gunzip> gunzip;
  std::uint64_t bytes = 0;
  for (std::string piece(piece_size, '\0'); in;) {
    in.read(piece.data(), static_cast<std::streamsize>(piece.size()));
    const std::string_view got(piece.data(), static_cast<std::size_t>(in.gcount()));
    if (got.empty()) break;
    sha256.update(as_bytes(got));
    if (bytes == 0 && got.starts_with("\x1f\x8b")) gunzip.emplace();
    bytes += got.size();
    const auto taken = gunzip ? gunzip->expand(got, take) : take(got);
    if (!taken) return taken.error();
  }
  if (in.bad()) return unreadable(path);
  if (gunzip && !gunzip->finished()) {
    return Error{.code = Errc::invalid, .reason = "malformed_gzip", .message = path.string() + " is cut off"};
  }
  return bytes;
}

Error named(Error error, const std::string& what) {
  error.message = what + ": " + error.message;
  return error;
}

Error not_as_said(const ManifestLog& log, const char* why) {
  return {.code = Errc::refused, .reason = "archive_fails", .message = "tenant " + log.tenant_id + ": " + why};
}

Result<EvidenceFile> verify_log(const std::filesystem::path& folder, const std::string& deployment,
                                const ManifestLog& log, const audit::KeyRing& keys, const ReadRecords& progress) {
  auto file = verify_evidence_file(folder / log.file, keys, progress);
  if (!file) return named(file.error(), log.file);
  if (file->sha256 != log.sha256 || file->bytes != log.bytes) return not_as_said(log, "its file is another one");
  if (file->checkpoint.origin != audit::checkpoint_origin(deployment, log.tenant_id)) {
    return not_as_said(log, "its file is of another log");
  }
  if (file->first != log.first || file->count != log.count || file->checkpoint.size != log.checkpoint_size) {
    return not_as_said(log, "its file holds other records");
  }
  return file;
}

}  // namespace

Result<std::string> read_file(const std::filesystem::path& path, std::size_t size_max) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return unreadable(path);
  std::string text;
  for (std::string piece(piece_size, '\0'); in && text.size() <= size_max;) {
    in.read(piece.data(), static_cast<std::streamsize>(piece.size()));
    text.append(piece.data(), static_cast<std::size_t>(in.gcount()));
  }
  if (in.bad()) return unreadable(path);
  if (text.size() > size_max) return Error::invalid(path.string(), "size", "is too large");
  return text;
}

Result<EvidenceFile> verify_evidence_file(const std::filesystem::path& path, const audit::KeyRing& keys,
                                          const ReadRecords& progress) {
  std::optional<audit::EvidenceCheck> check;
  crypto::Sha256 sha256, leaves;
  Lines lines([&](std::string_view line) -> Result<void> {
    if (!check) {
      auto begun = audit::EvidenceCheck::begin(line, keys);
      if (!begun) return begun.error();
      check = *std::move(begun);
      return {};
    }
    if (const auto good = check->add(line); !good) return good;
    leaves.update(check->last_leaf());
    progress(1);
    return {};
  });
  const auto bytes = read_pieces(path, sha256, [&](std::string_view piece) { return lines.feed(piece); });
  if (!bytes) return bytes.error();
  if (const auto ended = lines.finish(); !ended) return ended.error();
  if (!check) return Error::invalid("", "evidence", "is empty");
  if (const auto good = check->finish(); !good) return good.error();
  return EvidenceFile{.checkpoint = check->checkpoint(),
                      .first = check->first(),
                      .count = check->count(),
                      .bytes = *bytes,
                      .sha256 = sha256.finish(),
                      .leaves_sha256 = leaves.finish()};
}

Result<ArchivedMonth> verify_month(const std::filesystem::path& path, const audit::KeyRing& keys,
                                   const ReadRecords& progress) {
  const auto text = read_file(path, manifest_size_max);
  if (!text) return text.error();
  auto manifest = parse_manifest(*text);
  if (!manifest) return manifest.error();
  ArchivedMonth month{.manifest = *std::move(manifest), .sha256 = crypto::sha256(as_bytes(*text))};
  const auto folder = path.parent_path();
  if (std::filesystem::exists(folder / signature_name)) {
    const auto note = read_file(folder / signature_name, audit::note_size_max);
    if (!note) return note.error();
    const auto good = verify_signature(month.manifest, *text, *note, keys);
    if (!good) return named(good.error(), std::string(signature_name));
    month.is_signed = true;
  }
  for (const auto& log : month.manifest.logs) {
    auto file = verify_log(folder, month.manifest.deployment, log, keys, progress);
    if (!file) return file.error();
    month.files.push_back(*std::move(file));
  }
  return month;
}

}  // namespace tenantry::archive
