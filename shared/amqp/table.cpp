#include "shared/amqp/table.h"

#include <algorithm>

namespace tenantry::amqp {

Table::Table(std::initializer_list<Entry> list) : entries(list) {}

bool Table::empty() const {
  return entries.empty();
}

void Table::add(std::string name, Value value) {
  entries.push_back({std::move(name), std::move(value)});
}

const Value* Table::find(std::string_view name) const {
  const auto found = std::ranges::find(entries, name, &Entry::name);
  return found == entries.end() ? nullptr : &found->value;
}

std::optional<std::string_view> Table::get_string(std::string_view name) const {
  const Value* value = find(name);
  const auto* text = value == nullptr ? nullptr : std::get_if<std::string>(&value->data);
  if (text == nullptr) return std::nullopt;
  return *text;
}

bool Table::operator==(const Table& other) const {
  return entries == other.entries;
}

bool Value::operator==(const Value& other) const {
  return data == other.data;
}

bool Entry::operator==(const Entry& other) const {
  return name == other.name && value == other.value;
}

}  // namespace tenantry::amqp
