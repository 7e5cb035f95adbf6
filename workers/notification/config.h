// Notification's settings, read whole at start.
#pragma once

#include <string>

#include "shared/config/config.h"

namespace tenantry::notification {

struct NotificationConfig {
  std::string database_url;
  config::MasterKeyTexts master_keys;
  std::string smtp_url;  // "": no mail server; notifications fail and say so
  std::string mail_from;
  std::string public_url;  // where people reach the platform
};

// What is wrong is for `reader.finish()` to tell.
NotificationConfig read_notification_config(config::Reader& reader);

}  // namespace tenantry::notification
