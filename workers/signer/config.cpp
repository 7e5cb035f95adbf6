#include "workers/signer/config.h"

#include "shared/audit_tree/deployment.h"

namespace tenantry::signer {

SignerConfig read_signer_config(config::Reader& reader) {
  SignerConfig config{.database_url = reader.required_secret(config::service_database_variable("signer")),
                      .deployment = audit::read_deployment(reader),
                      .state_path = reader.required("TENANTRY_SIGNER_STATE"),
                      .interval = Milliseconds{reader.integer("TENANTRY_SIGNER_INTERVAL_MS")},
                      .recheck_records = reader.integer("TENANTRY_SIGNER_RECHECK_RECORDS")};
  constexpr std::string_view keys = "TENANTRY_SIGNER_KEYS";
  for (const auto& path : reader.list(keys)) {
    auto key = crypto::Ed25519Key::read_file(path);
    if (key) {
      config.keys.push_back(*std::move(key));
    } else {
      reader.fail(keys, key.error().message);
    }
  }
  if (config.keys.empty()) reader.fail(keys, "must name at least one key file; `tenantry audit keygen` makes one");
  return config;
}

}  // namespace tenantry::signer
