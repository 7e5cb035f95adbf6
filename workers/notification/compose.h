// Compose: a notice and its reader become one mail, an RFC 5322 text.
//
// Pure: the same notice gives the same bytes, Message-ID and Date included, so that
// a mail sent twice is recognised as one. Nothing that a tenant wrote can add a
// header: a line end or control character in a header is refused.
#pragma once

#include <string>
#include <string_view>

#include "shared/core/ids.h"
#include "workers/notification/rules.h"

namespace tenantry::notification {

struct Text {
  std::string subject;
  std::string body;
};

// `notice` with the reader's name, the company's, the platform's address and the link's filled in. The token stands
// behind `#`: no server that the link leads by is told it. Of names nothing becomes a link:
// mail programs make one of "http://…" and of whatever looks like a host. The first mail to an address holds no name at
// all, since nobody knows yet who typed them.
Text render(const Notice& notice, const Reader& reader, std::string_view company, std::string_view url,
            const crypto::LinkTokens& tokens);

// One per event, template and recipient, whoever asks and whenever.
Uuid notification_id(const events::Event& event, std::string_view template_name, std::string_view recipient);

// What a tenant says its mails are to look like: settings that people typed.
struct Sender {
  std::string name{};      // "": ours
  std::string reply_to{};  // "": nowhere else
};

struct Mail {
  std::string from;
  std::string to;
  Sender sender{};
  Text text;
  Uuid notification_id{};
  Timestamp date{};
};

// Errc::invalid where a header's value would break out of its line, or an address is none. Of the sender what cannot be
// shown is left out: no mail fails for how it was to look.
Result<std::string> compose(const Mail& mail);

}  // namespace tenantry::notification
