// The live tail: one stream of a browser for one search, whatever the number of tabs. HTTP/1.1 gives a browser six
// connections to a host; a stream in each tab would leave none for anything else. The tab that holds the lock has the
// stream and tells the others (Web Locks, BroadcastChannel).
import type { AuditRecord } from "./record.tsx";

export type TailState = "connecting" | "open" | "refused";
const hiddenMax = 60_000;

/** Calls back until the function it returns is called. A stream that is cut goes on where it was. */
export function openTail(path: string, search: string, onRecord: (record: AuditRecord) => void, onState: (state: TailState) => void): () => void {
  const name = `tail ${path} ${search}`;
  const channel = new BroadcastChannel(name);
  const stop = new AbortController();
  let source: EventSource | undefined;
  let lastId = "";
  let hidden: ReturnType<typeof setTimeout> | undefined;
  let again: ReturnType<typeof setTimeout> | undefined;

  const tell = (state: TailState) => { onState(state); channel.postMessage({ state }); };
  const begin = () => {
    const url = new URL(`${path}/tail`, location.origin);
    if (search) url.searchParams.set("q", search);
    if (lastId) url.searchParams.set("cursor", lastId);
    source = new EventSource(url);
    source.onopen = () => tell("open");
    source.onmessage = (event) => {
      lastId = event.lastEventId || lastId;
      const record = JSON.parse(event.data) as AuditRecord;
      onRecord(record);
      channel.postMessage({ record });
    };
    source.onerror = () => {
      // The browser comes again by itself, with Last-Event-ID, unless it was refused.
      if (source?.readyState !== EventSource.CLOSED) return tell("connecting");
      tell("refused");
      again = setTimeout(begin, 10_000 + Math.random() * 5_000);
    };
  };
  const end = () => { source?.close(); source = undefined; clearTimeout(again); };
  const onVisibility = () => {
    clearTimeout(hidden);
    if (document.visibilityState === "hidden") hidden = setTimeout(end, hiddenMax);
    else if (leads && !source) begin();
  };
  let leads = false;
  channel.onmessage = ({ data }) => {
    if (data.state) onState(data.state);
    if (data.record) onRecord(data.record);
    if (data.ask && leads && source?.readyState === EventSource.OPEN) channel.postMessage({ state: "open" });
  };
  channel.postMessage({ ask: true });
  document.addEventListener("visibilitychange", onVisibility);
  navigator.locks.request(name, { signal: stop.signal }, () => new Promise<void>((release) => {
    leads = true;
    begin();
    stop.signal.addEventListener("abort", () => release());
  })).catch(() => undefined);  // given up before it was our turn
  return () => { stop.abort(); end(); clearTimeout(hidden); channel.close(); document.removeEventListener("visibilitychange", onVisibility); };
}
