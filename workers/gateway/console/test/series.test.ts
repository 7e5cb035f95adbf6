import assert from "node:assert/strict";
import { test } from "node:test";
import { cohortsOf, periodsOf, seriesOf, ticks, type ChartData } from "../src/core/series.ts";

const iso = (times: number[]) => times.map((at) => new Date(at).toISOString());
const chart = (rows: ChartData["rows"], more: Partial<ChartData> = {}): ChartData =>
  ({ chart: "x", period: "month", from: "2026-01-01T00:00:00Z", to: "2026-04-01T00:00:00Z", at: "2026-03-02T00:00:00Z", columns: [], rows, sql: "", parameters: [], ...more });

test("periods are whole in UTC, months of their own lengths", () => {
  assert.deepEqual(iso(periodsOf("2026-01-01T00:00:00Z", "2026-04-01T00:00:00Z", "month")), ["2026-01-01T00:00:00.000Z", "2026-02-01T00:00:00.000Z", "2026-03-01T00:00:00.000Z"]);
  assert.equal(periodsOf("2026-03-20T00:00:00Z", "2026-04-02T00:00:00Z", "day").length, 13);  // over a change of clocks
  assert.equal(periodsOf("2026-03-28T00:00:00Z", "2026-03-30T00:00:00Z", "hour").length, 48);
});

test("what has no row is nothing, and rows find their period", () => {
  const rows = [{ period: "2026-03-01T00:00:00Z", plan: "B", mrr_minor: 5 }, { period: "2026-01-01T00:00:00Z", plan: "A", mrr_minor: 7 }, { period: "2025-12-01T00:00:00Z", plan: "A", mrr_minor: 9 }, { period: "2026-02-01T00:00:00Z", plan: "A", mrr_minor: null }];
  assert.deepEqual(seriesOf(chart(rows), "mrr_minor", "plan"), [{ name: "A", values: [7, 0, 0] }, { name: "B", values: [0, 0, 5] }]);
  assert.deepEqual(seriesOf(chart([]), "calls"), [{ name: "calls", values: [0, 0, 0] }]);
});

test("an axis has few whole steps and holds what is most", () => {
  for (const most of [0, 1, 3, 4, 7, 10, 99, 100, 101, 12_345, 9e9]) {
    const marks = ticks(most);
    assert.equal(marks[0], 0);
    assert.ok(marks.at(-1)! >= most && marks.length >= 2 && marks.length <= 6, `${most}: ${marks}`);
    assert.ok(marks.every(Number.isInteger));
  }
});

test("cohorts are rows of one month of signup", () => {
  const row = (signup: string, period: string, signups: number, paying: number) => ({ signup_month: `2026-${signup}-01T00:00:00Z`, period: `2026-${period}-01T00:00:00Z`, signups, paying });
  const cohorts = cohortsOf(chart([row("01", "01", 4, 0), row("01", "02", 4, 3), row("02", "02", 2, 1)]));
  assert.deepEqual(cohorts.map(({ signups, paying }) => [signups, paying]), [[4, [0, 3]], [2, [1]]]);
});
