#include "workers/archive/manifest.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "shared/json/json.h"

namespace tenantry::archive {
namespace {

using nlohmann::json;

constexpr std::size_t plain_name_max = 40;
constexpr std::size_t log_depth = 4;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_plain(std::string_view name) {
  return !name.empty() && name.size() <= plain_name_max && name.front() != '-' &&
         std::ranges::all_of(name, [](char c) { return (c >= 'a' && c <= 'z') || is_digit(c) || c == '-'; });
}

std::string signed_name(const Manifest& manifest) {
  return "tenantry." + manifest.deployment + "/archive";
}

std::string signed_text(const Manifest& manifest, std::string_view text) {
  return signed_name(manifest) + "\n" + manifest.month + "\n" + to_base64(crypto::sha256(as_bytes(text))) + "\n";
}

Error wrong(const std::string& pointer, const char* rule, const char* detail) {
  return Error::invalid(pointer, rule, detail);
}

Result<std::uint64_t> number_of(const json& object, const std::string& pointer, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_number_unsigned() || found->get<std::uint64_t>() > audit::size_max) {
    return wrong(pointer + "/" + name, "number", "must be a whole number from 0 to 2^63 - 1");
  }
  return found->get<std::uint64_t>();
}

Result<std::string> text_of(const json& object, const std::string& pointer, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_string()) return wrong(pointer + "/" + name, "text", "must be text");
  return found->get<std::string>();
}

Result<ManifestLog> log_of(const json& object, const std::string& pointer) {
  if (!object.is_object()) return wrong(pointer, "object", "must be an object");
  ManifestLog log;
  auto tenant_id = text_of(object, pointer, "tenant_id");
  if (!tenant_id) return tenant_id.error();
  log.tenant_id = *std::move(tenant_id);
  for (const auto& [name, value] : {std::pair{"first", &log.first},
                                    {"count", &log.count},
                                    {"checkpoint_size", &log.checkpoint_size},
                                    {"bytes", &log.bytes}}) {
    const auto number = number_of(object, pointer, name);
    if (!number) return number.error();
    *value = *number;
  }
  auto file = text_of(object, pointer, "file");
  if (!file) return file.error();
  if (*file != file_name_of(log.tenant_id)) return wrong(pointer + "/file", "name", "must be the file of its log");
  log.file = *std::move(file);
  const auto hex = text_of(object, pointer, "sha256");
  if (!hex) return hex.error();
  const auto digest = from_hex(*hex);
  if (!digest || digest->size() != log.sha256.size()) {
    return wrong(pointer + "/sha256", "hex", "must be 64 hexadecimal digits");
  }
  std::ranges::copy(*digest, log.sha256.begin());
  return log;
}

}  // namespace

bool is_month(std::string_view text) {
  if (text.size() != 7 || text[4] != '-') return false;
  if (!std::ranges::all_of(text.substr(0, 4), is_digit) || !std::ranges::all_of(text.substr(5), is_digit)) return false;
  const int month = (text[5] - '0') * 10 + (text[6] - '0');
  return month >= 1 && month <= 12;
}

std::string file_name_of(const std::string& tenant_id) {
  return (is_plain(tenant_id) ? tenant_id : "log-" + to_hex(crypto::sha256(as_bytes(tenant_id)))) + ".ndjson.gz";
}

std::string Manifest::to_text() const {
  nlohmann::ordered_json out = {{"format", manifest_format}, {"deployment", deployment}, {"month", month}};
  auto& list = out["logs"] = nlohmann::ordered_json::array();
  for (const auto& log : logs) {
    list.push_back({{"tenant_id", log.tenant_id},
                    {"first", log.first},
                    {"count", log.count},
                    {"checkpoint_size", log.checkpoint_size},
                    {"file", log.file},
                    {"bytes", log.bytes},
                    {"sha256", to_hex(log.sha256)}});
  }
  return out.dump() + "\n";
}

Result<Manifest> parse_manifest(std::string_view text) {
  const auto parsed = parse_json(text, {.depth = log_depth, .size = manifest_size_max});
  if (!parsed) return parsed.error();
  if (!parsed->is_object()) return wrong("", "object", "must be a JSON object");
  const auto format = text_of(*parsed, "", "format");
  if (!format || *format != manifest_format) return wrong("/format", "format", "must be tenantry-audit-archive/1");
  Manifest manifest;
  auto deployment = text_of(*parsed, "", "deployment");
  if (!deployment) return deployment.error();
  manifest.deployment = *std::move(deployment);
  if (!audit::is_key_name(signed_name(manifest))) return wrong("/deployment", "name", "must be a deployment's name");
  auto month = text_of(*parsed, "", "month");
  if (!month) return month.error();
  if (!is_month(*month)) return wrong("/month", "month", "must be a month, 2026-11");
  manifest.month = *std::move(month);
  const auto logs = parsed->find("logs");
  if (logs == parsed->end() || !logs->is_array()) return wrong("/logs", "array", "must be a list of logs");
  for (const auto& each : *logs) {
    auto log = log_of(each, "/logs/" + std::to_string(manifest.logs.size()));
    if (!log) return log.error();
    manifest.logs.push_back(*std::move(log));
  }
  return manifest;
}

std::string signature_of(const Manifest& manifest, std::string_view text, const crypto::Ed25519Key& key) {
  audit::Note note{.text = signed_text(manifest, text)};
  audit::sign_note(note, signed_name(manifest), key);
  return note.to_string();
}

Result<void> verify_signature(const Manifest& manifest, std::string_view text, std::string_view note_text,
                              const audit::KeyRing& keys) {
  const auto note = audit::parse_note(note_text);
  if (!note) return note.error();
  if (note->text != signed_text(manifest, text)) {
    return Error{
        .code = Errc::refused, .reason = "manifest_changed", .message = "the signature is of another manifest"};
  }
  return audit::verify_note(*note, keys.keys_for(signed_name(manifest)));
}

}  // namespace tenantry::archive
