#include "workers/notification/config.h"

namespace tenantry::notification {

NotificationConfig read_notification_config(config::Reader& reader) {
  NotificationConfig config;
  config.database_url = reader.required_secret(config::service_database_variable("notification"));
  config.master_keys = reader.master_keys();
  config.smtp_url = reader.secret("TENANTRY_SMTP_URL").value_or("");
  config.mail_from = reader.text("TENANTRY_MAIL_FROM");
  const auto port = reader.integer("TENANTRY_HTTP_PORT");
  config.public_url = reader.text("TENANTRY_URL");
  if (config.public_url.empty()) config.public_url = "http://127.0.0.1:" + std::to_string(port);
  return config;
}

}  // namespace tenantry::notification
