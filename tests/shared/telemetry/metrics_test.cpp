// Goal: the same metrics in either of two formats, and exemplars that lead to traces.
// Method: the pages, as text; tests/e2e/test_observability.py has a real Prometheus read them.
#include "shared/telemetry/metrics.h"

#include <gtest/gtest.h>

namespace tenantry::metrics::metrics_test {
namespace {

constexpr const char* trace = "0af7651916cd43dd8448eb211c80319c";

TEST(OpenMetrics, HasExemplarsOfEachBucketsNewest) {
  const auto series = duration_series("openmetrics_test_seconds", "Of a \"test\"", {{"route", "/a\\b"}});
  series.observe(0.3, trace);
  series.observe(0.3);
  series.observe(60, "1af7651916cd43dd8448eb211c80319d");
  const auto page = render_openmetrics();
  EXPECT_NE(page.find("# TYPE openmetrics_test_seconds histogram\n# HELP openmetrics_test_seconds Of a \\\"test\\\"\n"),
            std::string::npos);
  const std::string labels = R"(openmetrics_test_seconds_bucket{route="/a\\b",le=)";
  EXPECT_NE(page.find(labels + R"("0.5"} 2 # {trace_id=")" + trace + R"("} 0.3 1)"), std::string::npos) << page;
  EXPECT_NE(page.find(labels + "\"1.0\"} 2\n"), std::string::npos) << "numbers have a point; no exemplar is none";
  EXPECT_NE(page.find(labels + R"("+Inf"} 3 # {trace_id="1af7)"), std::string::npos);
  EXPECT_NE(page.find(R"(openmetrics_test_seconds_count{route="/a\\b"} 3)"), std::string::npos);
  EXPECT_TRUE(page.ends_with("\n# EOF\n"));
  EXPECT_EQ(render().find("trace_id"), std::string::npos) << "the text format has none";
}

TEST(OpenMetrics, CountersHaveTheirSuffixInTheSampleOnly) {
  counter("openmetrics_test_total", "Of a test", {}, 2);
  gauge("openmetrics_test_gauge", "Of a test", 1.5);
  const auto page = render_openmetrics();
  EXPECT_NE(page.find("# TYPE openmetrics_test counter\n"), std::string::npos);
  EXPECT_NE(page.find("\nopenmetrics_test_total 2.0\n"), std::string::npos);
  EXPECT_NE(page.find("# TYPE openmetrics_test_gauge gauge\n"), std::string::npos);
  EXPECT_NE(page.find("\nopenmetrics_test_gauge 1.5\n"), std::string::npos);
}

TEST(OpenMetrics, IsForWhoeverNamesIt) {
  const std::string prometheus =
      "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
      "text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
  EXPECT_TRUE(render_for(prometheus).content_type.starts_with("application/openmetrics-text; version=1.0.0"));
  for (const auto* others : {"", "*/*", "text/plain", "text/html,*/*;q=0.8", "application/openmetrics-text;q=0",
                             "application/openmetrics-text;q=0.1,text/plain"}) {
    EXPECT_TRUE(render_for(others).content_type.starts_with("text/plain; version=0.0.4")) << others;
  }
}

}  // namespace
}  // namespace tenantry::metrics::metrics_test
