// What a chart's rows are drawn from. Pure.
export type Cell = string | number | null;
export interface ChartData {
  chart: string; period: "hour" | "day" | "month"; from: string; to: string; at: string;
  columns: { name: string; kind: "instant" | "count" | "money" | "share" | "word" }[];
  rows: Record<string, Cell>[]; sql: string; parameters: string[];
}
/** A value for each label. */
export interface Series { name: string; values: number[] }

/** Where each period from `from` to `to` begins, UTC. */
export function periodsOf(from: string, to: string, period: ChartData["period"]): number[] {
  const out: number[] = [];
  for (let at = new Date(from); at.getTime() < Date.parse(to);) {
    out.push(at.getTime());
    const next = new Date(at);
    if (period === "month") next.setUTCMonth(at.getUTCMonth() + 1);
    else next.setTime(at.getTime() + (period === "hour" ? 3_600_000 : 86_400_000));
    at = next;
  }
  return out;
}

/** A column by period; what has no row is 0. `by`: one series for each value of that column, in order. */
export function seriesOf(data: ChartData, column: string, by?: string): Series[] {
  const periods = periodsOf(data.from, data.to, data.period);
  const names = by === undefined ? [column] : [...new Set(data.rows.map((row) => String(row[by])))].sort();
  const place = new Map(periods.map((at, i) => [at, i]));
  const out = names.map((name) => ({ name, values: periods.map(() => 0) }));
  for (const row of data.rows) {
    const series = out[by === undefined ? 0 : names.indexOf(String(row[by]))];
    const at = place.get(Date.parse(String(row["period"])));
    if (series && at !== undefined) series.values[at] = Number(row[column] ?? 0);
  }
  return out;
}

/** Whole steps of 1, 2 or 5 times a power of ten, from 0 to what holds `most`. */
export function ticks(most: number): number[] {
  const rough = Math.max(most, 1) / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = Math.max(1, [1, 2, 5, 10].map((one) => one * power).find((one) => one >= rough)!);
  return Array.from({ length: Math.ceil(Math.max(most, 1) / step) + 1 }, (_, i) => i * step);
}

export interface Cohort { month: number; signups: number; paying: number[] }
/** Of each month's signups, how many pay at the end of that month and of each one since. */
export function cohortsOf(data: ChartData): Cohort[] {
  const out = new Map<number, Cohort>();
  for (const row of data.rows) {
    const month = Date.parse(String(row["signup_month"]));
    const cohort = out.get(month) ?? { month, signups: Number(row["signups"]), paying: [] };
    cohort.paying.push(Number(row["paying"]));
    out.set(month, cohort);
  }
  return [...out.values()];
}
