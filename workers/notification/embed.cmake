# Writes OUT: a table of the texts in FILES by "name.locale".
set(rows "")
foreach(file ${FILES})
  get_filename_component(name ${file} NAME_WLE)
  file(READ ${file} text)
  string(APPEND rows "    {\"${name}\", R\"template(${text})template\"},\n")
endforeach()
file(WRITE ${OUT} "#include \"workers/notification/templates.h\"

namespace tenantry::notification {
namespace {
constexpr Template table[] = {
${rows}};
}  // namespace

std::span<const Template> templates() {
  return table;
}

}  // namespace tenantry::notification
")
