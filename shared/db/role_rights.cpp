#include "shared/db/role_rights.h"

#include <algorithm>
#include <span>

#include "shared/core/embedded.h"
#include "shared/db/migrate.h"

namespace tenantry {
std::span<const EmbeddedFile> rights_page();
}

namespace tenantry::db {
namespace {

// Splits outside of parentheses: "SELECT, UPDATE (a, b)" are two.
std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> out;
  int depth = 0;
  std::size_t start = 0;
  const auto add = [&](std::size_t end) {
    auto part = text.substr(start, end - start);
    while (part.starts_with(' ')) part.remove_prefix(1);
    if (!part.empty()) out.push_back(part);
    start = end + 1;
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '(') ++depth;
    if (text[i] == ')') --depth;
    if (text[i] == separator && depth == 0) add(i);
  }
  add(text.size());
  return out;
}

void add_rights(std::vector<Right>& out, const std::string& object, std::string_view rights) {
  for (const auto right : split(rights, ',')) {
    const auto open = right.find(" (");
    const std::string may(right.substr(0, open));
    if (open == right.npos) {
      out.push_back({object, may, ""});
      continue;
    }
    for (const auto column : split(right.substr(open + 2, right.size() - open - 3), ',')) {
      out.push_back({object, may, std::string(column)});
    }
  }
}

// A row of the page: | `object` | role: right, right (column); role: right | …
void read_row(std::vector<Right>& out, std::string_view row, std::string_view role) {
  constexpr std::string_view before = "| `", between = "` | ", after = " |";
  if (!row.starts_with(before)) return;
  row.remove_prefix(before.size());
  const auto name_end = row.find(between);
  if (name_end == row.npos) return;
  const std::string object(row.substr(0, name_end));
  row.remove_prefix(name_end + between.size());
  for (const auto part : split(row.substr(0, row.find(after)), ';')) {
    const auto colon = part.find(": ");
    if (colon == part.npos) continue;  // "nobody"
    const auto who = part.substr(0, colon);
    if (who == role || who == "everybody") add_rights(out, object, part.substr(colon + 2));
  }
}

bool is_of_this_build(Session::Transaction& tx) {
  const auto ours = embedded_migrations();
  if (!ours) return false;
  const auto said =
      tx.exec("SELECT coalesce(obj_description(to_regclass('public.schema_migrations'), 'pg_class'), '')");
  return said[0].text(0) == std::to_string(ours->size());
}

}  // namespace

std::vector<Right> listed_rights(std::string_view page, std::string_view role) {
  std::vector<Right> out;
  for (const auto row : split(page, '\n')) read_row(out, row, role);
  const bool is_named = page.find(" " + std::string(role) + ": ") != page.npos;
  return is_named ? out : std::vector<Right>{};
}

std::vector<Right> granted_rights(Session::Transaction& tx) {
  std::vector<Right> out;
  for (const auto row :
       tx.exec("WITH ours AS (SELECT oid FROM pg_namespace WHERE nspname NOT LIKE 'pg\\_%' AND nspname NOT IN "
               "('information_schema', 'public')), "
               "objects AS (SELECT nspname::text AS object, coalesce(nspacl, acldefault('n', nspowner)) AS acl "
               "FROM pg_namespace JOIN ours USING (oid) "
               "UNION ALL SELECT n.nspname || '.' || c.relname, "
               "coalesce(c.relacl, acldefault(CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::\"char\", c.relowner)) "
               "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN ours ON ours.oid = n.oid "
               "WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND NOT c.relispartition "
               "UNION ALL SELECT n.nspname || '.' || p.proname || '/' || p.pronargs, "
               "coalesce(p.proacl, acldefault('f', p.proowner)) "
               "FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace JOIN ours ON ours.oid = n.oid) "
               "SELECT o.object, a.privilege_type, '' FROM objects o, aclexplode(o.acl) a "
               "WHERE a.grantee IN (0, (SELECT oid FROM pg_roles WHERE rolname = current_user)) "
               "UNION SELECT n.nspname || '.' || c.relname, a.privilege_type, t.attname::text FROM pg_attribute t "
               "JOIN pg_class c ON c.oid = t.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace "
               "JOIN ours ON ours.oid = n.oid, aclexplode(t.attacl) a "
               "WHERE NOT t.attisdropped AND NOT c.relispartition "
               "AND a.grantee IN (0, (SELECT oid FROM pg_roles WHERE rolname = current_user)) ORDER BY 1, 2, 3")) {
    out.push_back({std::string(row.text(0)), std::string(row.text(1)), std::string(row.text(2))});
  }
  return out;
}

std::vector<Right> surplus(const std::vector<Right>& granted, const std::vector<Right>& listed) {
  std::vector<Right> out;
  for (const auto& right : granted) {
    const auto covers = [&](const Right& each) {
      return each == right || (each.object == right.object && each.may == right.may && each.column.empty());
    };
    if (std::ranges::none_of(listed, covers)) out.push_back(right);
  }
  return out;
}

std::vector<Right> unlisted_rights(Session::Transaction& tx, std::string_view role) {
  const auto listed = listed_rights(rights_page().front().content, role);
  if (listed.empty() || !is_of_this_build(tx)) return {};
  return surplus(granted_rights(tx), listed);
}

std::string describe(const Right& right) {
  return right.may + (right.column.empty() ? "" : " (" + right.column + ")") + " on " + right.object;
}

}  // namespace tenantry::db
