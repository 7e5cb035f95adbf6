// What a view has asked for: waiting, there, or refused. A view that goes away, or asks something else, hears nothing of
// the answer that was under way.
import { useEffect, useRef, useState } from "preact/hooks";
import { Problem } from "./api.ts";

export interface Loaded<T> {
  data: T | undefined;
  problem: Problem | undefined;
  busy: boolean;
  again: () => void;
}

export function problemFrom(error: unknown): Problem {
  if (error instanceof Problem) return error;
  return new Problem(0, "unexpected", "", error instanceof Error ? error.message : String(error));
}

/** Asks when `key` changes; what was there stays until the new is, so that nothing flickers. */
export function useLoad<T>(key: string, ask: (signal: AbortSignal) => Promise<T>, every = 0): Loaded<T> {
  const [state, set] = useState<{ key: string; data?: T; problem?: Problem; busy: boolean }>({ key, busy: true });
  const [turn, setTurn] = useState(0);
  const latest = useRef(ask);
  latest.current = ask;
  useEffect(() => {
    const stop = new AbortController();
    set((old) => (old.key === key && old.data !== undefined ? { key, data: old.data, busy: true } : { key, busy: true }));
    latest.current(stop.signal).then(
      (data) => stop.signal.aborted || set({ key, data, busy: false }),
      (error) => stop.signal.aborted || set((old) => ({ key, ...(old.data !== undefined && old.key === key ? { data: old.data } : {}), problem: problemFrom(error), busy: false })),
    );
    return () => stop.abort();
  }, [key, turn]);
  useEffect(() => {
    if (every === 0) return;
    const timer = setInterval(() => document.visibilityState === "visible" && setTurn((n) => n + 1), every);
    return () => clearInterval(timer);
  }, [every]);
  return { data: state.key === key ? state.data : undefined, problem: state.key === key ? state.problem : undefined, busy: state.busy, again: () => setTurn((n) => n + 1) };
}

export interface Pages<Item, Head> extends Loaded<Item[]> {
  head: Head | undefined;
  more: (() => void) | undefined;
  full: boolean;
}
export const rowsMax = 200;

/** A list, page by page, up to as many rows as a browser draws at once. */
export function usePages<Item, Head = unknown>(
  key: string,
  ask: (cursor: string, signal: AbortSignal) => Promise<{ items: Item[]; next: string | null; head: Head }>,
): Pages<Item, Head> {
  const [rest, setRest] = useState<{ key: string; items: Item[]; next: string | null; problem?: Problem; busy: boolean } | undefined>();
  const first = useLoad(key, (signal) => ask("", signal));
  const mine = rest && rest.key === key ? rest : undefined;
  const items = first.data ? [...first.data.items, ...(mine?.items ?? [])] : undefined;
  const next = mine ? mine.next : (first.data?.next ?? null);
  const more = async () => {
    if (!next || mine?.busy) return;
    const before = mine?.items ?? [];
    setRest({ key, items: before, next, busy: true });
    try {
      const page = await ask(next, new AbortController().signal);
      setRest({ key, items: [...before, ...page.items], next: page.next, busy: false });
    } catch (error) {
      setRest({ key, items: before, next, problem: problemFrom(error), busy: false });
    }
  };
  const full = (items?.length ?? 0) >= rowsMax;
  return {
    data: items?.slice(0, rowsMax),
    head: first.data?.head,
    problem: first.problem ?? mine?.problem,
    busy: first.busy || (mine?.busy ?? false),
    again: () => { setRest(undefined); first.again(); },
    more: next && !full ? more : undefined,
    full: full && next !== null,
  };
}
