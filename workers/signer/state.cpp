#include "workers/signer/state.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "shared/core/assert.h"
#include "shared/json/json.h"

namespace tenantry::signer {
namespace {

using nlohmann::json;

constexpr std::size_t rewrite_after = 16UL * 1024 * 1024;

std::string line_of(const std::string& tenant_id, const audit::Frontier& frontier) {
  const json line = {{"tenant_id", tenant_id}, {"size", frontier.size()}, {"frontier", to_base64(frontier.to_bytes())}};
  return line.dump() + "\n";
}

std::string line_of(const audit::Finding& finding) {
  const json line = {{"tenant_id", finding.tenant_id},
                     {"finding", finding.rule},
                     {"sequence", finding.sequence},
                     {"through", finding.through},
                     {"detail", finding.detail}};
  return line.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
}

Result<audit::Frontier> frontier_of(const json& line) {
  const auto bytes = from_base64(line.at("frontier").get<std::string>());
  if (!bytes) return bytes.error();
  return audit::Frontier::from_bytes(line.at("size").get<std::uint64_t>(), *bytes);
}

Result<std::string> read_text(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return Error{.code = Errc::not_found, .reason = "state_missing", .message = path + " cannot be read"};
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

[[noreturn]] void disk_refuses(const std::string& what) {
  throw std::runtime_error("the signer's state: " + what + ": " + std::strerror(errno));
}

void write_whole(int file, const std::string& text) {
  for (std::size_t done = 0; done < text.size();) {
    const auto written = ::write(file, text.data() + done, text.size() - done);
    if (written < 0) disk_refuses("write");
    done += static_cast<std::size_t>(written);
  }
  if (::fsync(file) != 0) disk_refuses("fsync");
}

// The renamed file's name must be on the disk, too.
void sync_folder(const std::string& path) {
  const auto folder = std::filesystem::absolute(path).parent_path().string();
  const int file = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (file < 0) disk_refuses("open " + folder);
  const int result = ::fsync(file);
  ::close(file);
  if (result != 0) disk_refuses("fsync " + folder);
}

}  // namespace

State::State(State&& other) noexcept
    : path_(std::move(other.path_)),
      heads_(std::move(other.heads_)),
      findings_(std::move(other.findings_)),
      lock_(std::exchange(other.lock_, -1)),
      file_(std::exchange(other.file_, -1)),
      written_(other.written_) {}

State& State::operator=(State&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(heads_, other.heads_);
  std::swap(findings_, other.findings_);
  std::swap(lock_, other.lock_);
  std::swap(file_, other.file_);
  std::swap(written_, other.written_);
  return *this;
}

State::~State() {
  if (file_ >= 0) ::close(file_);
  if (lock_ >= 0) ::close(lock_);
}

Result<State> State::parse(const std::string& text, const std::string& path) {
  State state;
  std::istringstream in(text.substr(0, text.rfind('\n') + 1));  // without a last line that was cut off
  int number = 0;
  for (std::string line; std::getline(in, line);) {
    ++number;
    const auto damaged = [&](const std::string& why) {
      return Error{.code = Errc::invalid,
                   .reason = "state_damaged",
                   .message = path + ", line " + std::to_string(number) + ": " + why};
    };
    const auto parsed = parse_json(line);
    if (!parsed) return damaged(parsed.error().describe());
    try {
      const auto tenant_id = parsed->at("tenant_id").get<std::string>();
      if (parsed->contains("finding")) {
        const auto rule = parsed->at("finding").get<std::string>();
        state.findings_.erase(tenant_id);
        if (rule.empty()) continue;  // closed
        state.findings_[tenant_id] = {tenant_id, rule, parsed->at("sequence").get<std::uint64_t>(),
                                      parsed->at("through").get<std::uint64_t>(),
                                      parsed->at("detail").get<std::string>()};
        continue;
      }
      auto frontier = frontier_of(*parsed);
      if (!frontier) return damaged(frontier.error().describe());
      auto& held = state.heads_[tenant_id];
      if (frontier->size() < held.size()) return damaged("a head that goes back");
      held = *std::move(frontier);
    } catch (const json::exception& error) {
      return damaged(error.what());
    }
  }
  return state;
}

Result<State::Heads> State::read_heads(const std::string& path) {
  const auto text = read_text(path);
  if (!text) return text.error();
  auto state = parse(*text, path);
  if (!state) return state.error();
  return std::move(state->heads_);
}

Result<State> State::open(const std::string& path) {
  // The lock is on a file beside it: the journal itself is replaced.
  const int lock = ::open((path + ".lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, S_IRUSR | S_IWUSR);
  if (lock < 0) {
    return Error{.code = Errc::invalid, .reason = "state_unwritable", .message = path + ": " + std::strerror(errno)};
  }
  if (::flock(lock, LOCK_EX | LOCK_NB) != 0) {
    ::close(lock);
    return Error{.code = Errc::conflict, .reason = "state_held", .message = path + " is held by another signer"};
  }
  State locked;
  locked.lock_ = lock;
  const auto text = std::filesystem::exists(path) ? read_text(path) : Result<std::string>(std::string());
  if (!text) return text.error();
  auto state = parse(*text, path);
  if (!state) return state.error();
  state->path_ = path;
  state->lock_ = std::exchange(locked.lock_, -1);
  state->rewrite();
  return state;
}

void State::rewrite() {
  std::string text;
  for (const auto& [tenant_id, frontier] : heads_) text += line_of(tenant_id, frontier);
  for (const auto& [tenant_id, finding] : findings_) text += line_of(finding);
  const auto draft = path_ + ".new";
  const int file = ::open(draft.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, S_IRUSR | S_IWUSR);
  if (file < 0) disk_refuses("open " + draft);
  if (file_ >= 0) ::close(file_);
  file_ = file;
  write_whole(file, text);
  if (::rename(draft.c_str(), path_.c_str()) != 0) disk_refuses("rename " + draft);
  sync_folder(path_);
  written_ = 0;
}

void State::append(const std::string& lines) {
  const auto before = ::lseek(file_, 0, SEEK_END);
  if (before < 0) disk_refuses("lseek");
  try {
    write_whole(file_, lines);
  } catch (...) {
    // What is half written must not stand before the next line.
    if (::ftruncate(file_, before) != 0) disk_refuses("ftruncate");
    throw;
  }
  written_ += lines.size();
}

void State::add_heads(const std::vector<SignedHead>& heads) {
  std::string lines;
  for (const auto& [tenant_id, frontier] : heads) {
    TENANTRY_ASSERT(heads_[tenant_id].size() < frontier.size());
    lines += line_of(tenant_id, frontier);
  }
  append(lines);
  for (const auto& [tenant_id, frontier] : heads) heads_[tenant_id] = frontier;
  if (written_ > rewrite_after) rewrite();
}

void State::open_finding(const audit::Finding& finding) {
  append(line_of(finding));
  findings_[finding.tenant_id] = finding;
}

void State::close_finding(const std::string& tenant_id) {
  append(line_of(audit::Finding{.tenant_id = tenant_id}));
  findings_.erase(tenant_id);
}

}  // namespace tenantry::signer
