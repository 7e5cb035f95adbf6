// Rules: which event a person hears of, with which template and which values.
//
// Pure. Who the person is, and how the message travels, is worker.h's business.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "events/envelope.h"

namespace tenantry::notification {

constexpr std::string_view locale_default = "fr";

// "en" for English of any country, else the default.
std::string_view supported_locale(std::string_view locale);

struct Notice {
  std::string template_name;
  std::map<std::string, std::string> values{};  // written as the locale writes dates and amounts
  std::map<std::string, bool> sections{};
};

// Empty: nobody needs to hear of it.
std::optional<Notice> notice_for(const events::Event& event, std::string_view locale);

// The types that have a rule: what the worker consumes.
std::span<const std::string_view> notified_types();

}  // namespace tenantry::notification
