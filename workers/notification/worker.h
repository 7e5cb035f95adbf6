// The notification worker: tells the owners of a tenant by mail what they should
// hear of (rules.h).
//
// What it promises: each mail is handed to the mail server at least once, and all
// copies of one (event, template, recipient) carry one Message-ID. A mail is noted in
// notification.deliveries as soon as the server took it, and never sent again after
// that; only a crash between the two repeats it, and since a batch is one event, at
// most that one mail.
//
// No mail server, a refusal for good (5xx) or an address that is none: the delivery
// is noted as failed, and notification.failed says why. A server that is away or says
// "later" (4xx) is tried again by the runtime.
#pragma once

#include <functional>
#include <string>

#include "shared/messaging/worker.h"
#include "shared/service/entry.h"
#include "workers/notification/config.h"

namespace tenantry::notification {

// Hands one message (RFC 5322) to a mail server. Errors: transient ones are tried again.
using SendMail =
    std::function<Result<void>(const std::string& from, const std::string& recipient, const std::string& message)>;

// Without `send`: SMTP to the server that the configuration names.
messaging::WorkerSpec worker_spec(const NotificationConfig& config, SendMail send = {});
service::Entry entry(SendMail send = {});

}  // namespace tenantry::notification
