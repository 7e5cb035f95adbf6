#include "workers/cli/table.h"

#include <gtest/gtest.h>

namespace tenantry::cli::table_test {
namespace {

using Lines = std::vector<std::string>;

const Row header{"TENANT", "ERROR"};
const std::vector<Row> rows{{"boulangerie-martin", "the broker is away"}, {"acme", "é"}};

TEST(Table, IsAsWideAsItGetsWhereNobodyLooks) {
  EXPECT_EQ(table_lines(header, rows, 0), (Lines{"TENANT              ERROR",  //
                                                 "boulangerie-martin  the broker is away", "acme                é"}));
}

TEST(Table, CutsTheWidestColumnsToTheTerminal) {
  const auto lines = table_lines(header, rows, 32);
  EXPECT_EQ(lines, (Lines{"TENANT           ERROR",  //
                          "boulangerie-ma…  the broker is …", "acme             é"}));
  EXPECT_EQ(table_lines(header, rows, 38), table_lines(header, rows, 0)) << "it fits";
}

// A character is cut as a whole, and a column that says little already stays.
TEST(Table, CutsBetweenCharactersAndKeepsShortColumns) {
  EXPECT_EQ(table_lines({"A", "B"}, {{"12345", "ééééééééééééé"}}, 19)[1], "12345  ééééééééééé…");
  EXPECT_EQ(table_lines({"A", "B"}, {{"12345", "abcdefghijklmnop"}}, 3)[1], "12345  abcdefghi…");
}

TEST(Table, HasNoLetterThatATerminalObeys) {
  EXPECT_EQ(table_lines({"A"}, {{"a\x1b[2Jb\nc"}}, 0)[1], "a [2Jb c");
  EXPECT_EQ(field_lines({{"error", "a\nb"}}), (Lines{"error  a b"}));
}

TEST(FieldLines, StandInOneColumnAndLeaveOutWhatSaysNothing) {
  EXPECT_EQ(field_lines({{"tenant", "acme"}, {"a longer name", ""}, {"plan", "FREE"}}),
            (Lines{"tenant  acme", "plan    FREE"}));
}

}  // namespace
}  // namespace tenantry::cli::table_test
