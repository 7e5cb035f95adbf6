#include "shared/core/csv.h"

#include <gtest/gtest.h>

namespace tenantry::csv_test {
namespace {

std::string field(std::string_view text) {
  std::string out;
  append_csv_field(out, text);
  return out;
}

TEST(CsvField, IsQuotedWhereItHasToBe) {
  EXPECT_EQ(field(""), "");
  EXPECT_EQ(field("Durand & Filles"), "Durand & Filles");
  EXPECT_EQ(field("Durand, Filles"), "\"Durand, Filles\"");
  EXPECT_EQ(field("the \"best\""), "\"the \"\"best\"\"\"");
  EXPECT_EQ(field("two\r\nlines"), "\"two\r\nlines\"");
}

TEST(CsvField, IsNoFormula) {
  for (const char* text : {"=1+1", "+1", "-1", "@SUM(A1)", "\tx",
                           "\xEF\xBC\x9D"
                           "1"}) {
    EXPECT_EQ(field(text), "\"'" + std::string(text) + "\"");
  }
  EXPECT_EQ(field("=HYPERLINK(\"x\")"), "\"'=HYPERLINK(\"\"x\"\")\"");
  EXPECT_EQ(field("1=1"), "1=1");
}

}  // namespace
}  // namespace tenantry::csv_test
