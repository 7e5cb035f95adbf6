#include "workers/notification/compose.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdio>
#include <kainjow/mustache.hpp>

#include "shared/crypto/hash.h"
#include "workers/notification/templates.h"

namespace tenantry::notification {
namespace {

namespace mustache = kainjow::mustache;

constexpr std::size_t line_length_max = 76;  // RFC 2045: of an encoded line, without its end
// RFC 2047: a line with an encoded word has at most 76 characters. "Subject: " and the word's frame take 21 of them;
// base64 makes 52 of 39 bytes.
constexpr std::size_t word_bytes_max = 39;
constexpr std::size_t plain_max = 60;

bool is_continuation(char c) {
  return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U;
}

bool is_control(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7F;
}

Error refused(std::string field, std::string detail) {
  return Error::invalid("/" + field, "header", std::move(detail));
}

// ASCII without anything that could end the address or the line.
bool is_address(std::string_view text) {
  const auto at = text.find('@');
  if (at == 0 || at == text.npos || at + 1 == text.size() || text.size() > 254) return false;
  return std::ranges::none_of(text, [](char c) {
    return is_control(c) || static_cast<unsigned char>(c) >= 0x80 ||
           std::string_view{" <>,;:\"\\()[]"}.find(c) != std::string_view::npos;
  });
}

bool is_plain(std::string_view text) {
  return text.size() <= plain_max && text.find("=?") == text.npos &&
         std::ranges::none_of(text, [](char c) { return static_cast<unsigned char>(c) >= 0x80; });
}

// None of them splits a character.
std::string encoded_words(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    auto size = std::min(text.size(), word_bytes_max);
    while (size < text.size() && is_continuation(text[size])) --size;
    if (!out.empty()) out += "\r\n ";
    out += "=?UTF-8?B?" + to_base64(as_bytes(text.substr(0, size))) + "?=";
    text.remove_prefix(size);
  }
  return out;
}

std::string encoded_subject(std::string_view text) {
  return is_plain(text) ? std::string(text) : encoded_words(text);
}

// RFC 5322 section 3.4: a name before an address.
std::string display_name(std::string_view text) {
  if (!is_plain(text)) return encoded_words(text);
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

// RFC 2045 section 6.7; lines end with CRLF.
std::string quoted_printable(std::string_view text) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string out;
  std::size_t column = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\r') continue;
    if (c == '\n') {
      out += "\r\n";
      column = 0;
      continue;
    }
    const bool last_of_line = i + 1 == text.size() || text[i + 1] == '\n' || text[i + 1] == '\r';
    const bool literal = (c >= '!' && c <= '~' && c != '=') || (c == ' ' && !last_of_line);
    std::string piece{c};
    if (!literal) {
      const auto byte = static_cast<unsigned char>(c);
      piece = {'=', digits[byte >> 4U], digits[byte & 15U]};
    }
    if (column + piece.size() > line_length_max - 1) {
      out += "=\r\n";
      column = 0;
    }
    out += piece;
    column += piece.size();
  }
  return out;
}

// "Sat, 21 Nov 2026 09:04:34 +0000"
std::string mail_date(Timestamp at) {
  constexpr std::array<const char*, 7> weekdays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::array<const char*, 12> months = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                  "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto day = std::chrono::floor<Days>(at);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss time{std::chrono::floor<Seconds>(at - day)};
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%s, %u %s %d %02d:%02d:%02d +0000",
                weekdays[std::chrono::weekday{day}.c_encoding()], static_cast<unsigned>(date.day()),
                months[static_cast<unsigned>(date.month()) - 1], static_cast<int>(date.year()),
                static_cast<int>(time.hours().count()), static_cast<int>(time.minutes().count()),
                static_cast<int>(time.seconds().count()));
  return text.data();
}

bool is_host_letter(char c) {
  return static_cast<unsigned char>(c) >= 0x80 || std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-';
}

// Abbreviations ("S.A.R.L.", "J. Martin") stay; "evil.example", "http://…" and "a@b.example" fall apart.
std::string without_links(std::string_view text) {
  std::string out;
  std::size_t word = 0;  // letters in a row before this one
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool inside = word > 1 && i + 1 < text.size() && is_host_letter(text[i + 1]);
    word = is_host_letter(c) ? word + 1 : 0;
    if (c == '@' || c == '/' || (c == ':' && inside)) {
      out += ' ';
    } else {
      out += c;
      if (c == '.' && inside) out += ' ';
    }
  }
  return out;
}

// A section that is not shown leaves the empty lines around it.
std::string without_holes(std::string text) {
  for (auto hole = text.find("\n\n\n"); hole != text.npos; hole = text.find("\n\n\n", hole)) text.erase(hole, 1);
  return text;
}

// "Acme via Tenantry": who it is from is said by whom it concerns, and that it is we who send it.
std::string from_header(const Mail& mail) {
  const auto name = without_links(mail.sender.name);
  if (name.empty() || std::ranges::any_of(name, is_control)) return "From: Tenantry <" + mail.from + ">";
  return "From: " + display_name(name + " via Tenantry") + "\r\n <" + mail.from + ">";
}

}  // namespace

Text render(const Notice& notice, const Reader& reader, std::string_view company, std::string_view url,
            const crypto::LinkTokens& tokens) {
  const std::string name = notice.template_name + "." + std::string(supported_locale(reader.locale));
  const auto all = notification_templates();
  const auto found = std::ranges::find(all, name + ".txt", &EmbeddedFile::name);
  TENANTRY_ASSERT(found != all.end());

  // A section of the same name shows only where there is a value.
  const auto value_or_nothing = [](const std::string& text) {
    return text.empty() ? mustache::data{mustache::data::type::bool_false} : mustache::data{text};
  };
  mustache::data values{mustache::data::type::object};
  values.set("company", without_links(company));
  values.set("first_name", value_or_nothing(without_links(reader.first_name)));
  values.set("url", std::string(url));
  if (notice.link) {
    const auto& link = *notice.link;
    values.set("link", std::string(url) + link.page + "#t=" + tokens.make(link.purpose, link.id, link.sending));
  }
  for (const auto& [key, typed] : notice.names) values.set(key, value_or_nothing(without_links(typed)));
  for (const auto& [key, value] : notice.values) values.set(key, value_or_nothing(value));
  for (const auto& [key, shown] : notice.sections) values.set(key, mustache::data{shown});

  mustache::mustache parsed{std::string(found->content)};
  TENANTRY_ASSERT(parsed.is_valid());
  parsed.set_custom_escape([](const std::string& text) { return text; });  // plain text, not HTML
  const std::string text = without_holes(parsed.render(values));

  constexpr std::string_view subject_prefix = "Subject: ";
  const auto subject_end = text.find("\n\n");
  TENANTRY_ASSERT(text.starts_with(subject_prefix) && subject_end != text.npos);
  return {text.substr(subject_prefix.size(), subject_end - subject_prefix.size()), text.substr(subject_end + 2)};
}

Uuid notification_id(const events::Event& event, std::string_view template_name, std::string_view recipient) {
  crypto::Sha256 hash;
  const std::string identity = event.id.to_string() + "/" + std::string(template_name) + "/" + std::string(recipient);
  return derive_uuid_v7(event.time, hash.update(as_bytes(identity)).finish());
}

Result<std::string> compose(const Mail& mail) {
  if (!is_address(mail.from)) return refused("from", "the sender is not one address");
  if (!is_address(mail.to)) return refused("to", "the recipient is not one address");
  if (mail.text.subject.empty() || std::ranges::any_of(mail.text.subject, is_control)) {
    return refused("subject", "the subject must be one line");
  }
  const auto& reply_to = mail.sender.reply_to;
  return from_header(mail) + (is_address(reply_to) ? "\r\nReply-To: <" + reply_to + ">" : "") + "\r\nTo: <" + mail.to +
         ">\r\nSubject: " + encoded_subject(mail.text.subject) + "\r\nDate: " + mail_date(mail.date) +
         "\r\nMessage-ID: <" + mail.notification_id.to_string() +
         "@tenantry>\r\nAuto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"
         "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n" +
         quoted_printable(mail.text.body);
}

}  // namespace tenantry::notification
