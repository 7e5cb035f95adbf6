// The live tail: one stream of a browser for one search, whatever the number of tabs. HTTP/1.1 gives a browser six
// connections to a host; a stream in each tab would leave none for anything else. The tab that holds the lock has the
// stream and tells the others what comes and where it stands (Web Locks, BroadcastChannel), so that any of them can go on.
import { sessionEnded } from "./api.ts";
import { EventReader, type ServerEvent } from "./events.ts";
import type { AuditRecord } from "./record.tsx";
import { identity } from "./session.ts";

export type TailState = "connecting" | "open" | "refused";
interface Told { state?: TailState; place?: string; record?: AuditRecord; ask?: boolean }
const hiddenMax = 60_000;
const waitMin = 500;
const waitMax = 15_000;

function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((done) => {
    const timer = setTimeout(done, milliseconds);
    signal.addEventListener("abort", () => { clearTimeout(timer); done(); }, { once: true });
  });
}

/** Calls back until the function it returns is called. A stream that is cut goes on where it was. */
export function openTail(path: string, search: string, onRecord: (record: AuditRecord) => void, onState: (state: TailState) => void): () => void {
  const name = `tail ${identity.value} ${path} ${search}`;  // a tab of another company's has another stream
  const channel = new BroadcastChannel(name);
  const url = new URL(`${path}/tail`, location.origin);
  if (search) url.searchParams.set("q", search);
  let place = "";
  let state: TailState = "connecting";
  let leads = false;
  let turn: AbortController | undefined;  // as the one who leads, or waits for it
  let hidden: ReturnType<typeof setTimeout> | undefined;

  const say = (told: Told) => channel.postMessage(told);
  const tell = (now: TailState) => { state = now; onState(now); say({ state }); };
  const take = (event: ServerEvent) => {
    place = event.id;
    if (event.data === "") return say({ place });
    const record = JSON.parse(event.data) as AuditRecord;
    onRecord(record);
    say({ place, record });
  };
  const read = async (body: ReadableStream<Uint8Array>) => {
    const reader = body.getReader();
    const text = new TextDecoder();
    const events = new EventReader(place);
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      events.feed(text.decode(value, { stream: true })).forEach(take);
    }
  };
  const follow = async (signal: AbortSignal) => {
    let wait = waitMin;
    while (!signal.aborted) {
      tell("connecting");
      try {
        const answer = await fetch(url, { headers: { Accept: "text/event-stream", ...(place ? { "Last-Event-ID": place } : {}) }, cache: "no-store", redirect: "error", signal });
        if (answer.ok && answer.body) {
          tell("open");
          wait = waitMin;
          await read(answer.body);
        } else if (answer.status < 500 && answer.status !== 429) {
          tell("refused");
          if (answer.status === 401) sessionEnded.value = true;
          if (answer.status === 401 || answer.status === 403) return;
          wait = waitMax;
        }
      } catch {
        if (signal.aborted) return;  // else it was cut, or nobody is there: again
      }
      if (state === "open") tell("connecting");
      await pause(wait * (0.75 + Math.random() / 2), signal);
      wait = Math.min(wait * 2, waitMax);
    }
  };
  const lead = () => {
    if (turn) return;
    const mine = (turn = new AbortController());
    navigator.locks.request(name, { signal: mine.signal }, async () => {
      leads = true;
      await follow(mine.signal);
      leads = false;
    }).catch(() => undefined);  // given up before it was our turn
  };
  // Whoever leaves keeps its place, and others that are seen go on.
  const leave = () => { turn?.abort(); turn = undefined; };
  const onVisibility = () => {
    clearTimeout(hidden);
    if (document.visibilityState === "hidden") hidden = setTimeout(leave, hiddenMax);
    else lead();
  };
  channel.onmessage = ({ data }: MessageEvent<Told>) => {
    if (data.state) onState(data.state);
    if (data.place !== undefined && !leads) place = data.place;
    if (data.record) onRecord(data.record);
    if (data.ask && leads) say({ state, place });
  };
  say({ ask: true });
  document.addEventListener("visibilitychange", onVisibility);
  lead();
  return () => { leave(); clearTimeout(hidden); channel.close(); document.removeEventListener("visibilitychange", onVisibility); };
}
