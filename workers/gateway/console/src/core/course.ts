// The course of a metric over a period: what had come together by the end of each day, and where that leads to. Pure.

export interface Course {
  /** Parts of the period, 0 to 1, with what there was by then. */
  points: [at: number, sum: number][];
  /** Where the period will end if it goes on as it did. */
  projected: number;
  /** When the limit is reached at this pace; null: not within the period, or there is none. */
  full: string | null;
}

/** What there will be at the end of the period, if it goes on as it did. */
export function projected(used: number, start: string, end: string, now = Date.now()): number {
  const gone = (now - Date.parse(start)) / (Date.parse(end) - Date.parse(start));
  return gone <= 0.02 ? used : used / Math.min(1, gone);
}

interface Days { quantity: number; limit: number; by_day: { day: string; quantity: number }[] }
export function courseOf(of: Days, start: string, end: string, at: string): Course {
  const from = Date.parse(start), to = Date.parse(end), now = Date.parse(at);
  const part = (time: number) => Math.min(1, Math.max(0, (time - from) / (to - from)));
  const points: [number, number][] = [[0, 0]];
  let sum = 0;
  for (const one of of.by_day) {
    const day = Date.parse(one.day);
    if (day < from || day >= to) continue;
    sum += one.quantity;
    if (day + 86_400_000 < now) points.push([part(day + 86_400_000), sum]);
  }
  points.push([part(now), of.quantity]);  // the days may be a moment behind
  const then = projected(of.quantity, start, end, now);
  const pace = of.quantity / Math.max(1, now - from);
  const full = of.limit >= 0 && then > of.limit ? new Date(of.quantity >= of.limit ? now : Math.min(to, from + of.limit / pace)).toISOString() : null;
  return { points, projected: then, full };
}
