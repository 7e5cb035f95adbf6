// What everybody instantiates of nlohmann's JSON, compiled once (instances.cpp) instead of in each of eighty sources.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

// The parser's input: json::parse() of a string, of a string view and of two pointers.
#define TENANTRY_JSON_PARSER(linkage, Iterator)                                                                       \
  linkage template class nlohmann::detail::lexer<nlohmann::json, nlohmann::detail::iterator_input_adapter<Iterator>>; \
  linkage template class nlohmann::detail::parser<nlohmann::json, nlohmann::detail::iterator_input_adapter<Iterator>>;

#define TENANTRY_JSON_INSTANCES(linkage)                                                 \
  linkage template class nlohmann::basic_json<>;                                         \
  linkage template class nlohmann::detail::serializer<nlohmann::json>;                   \
  linkage template class nlohmann::detail::json_sax_dom_parser<nlohmann::json>;          \
  linkage template class nlohmann::detail::json_sax_dom_callback_parser<nlohmann::json>; \
  TENANTRY_JSON_PARSER(linkage, std::string::const_iterator)                             \
  TENANTRY_JSON_PARSER(linkage, const char*)

#ifndef TENANTRY_JSON_DEFINE
TENANTRY_JSON_INSTANCES(extern)
#endif
