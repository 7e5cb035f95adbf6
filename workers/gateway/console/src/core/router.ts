// Where we are: the path and the query of the address bar, as signals. All that a view shows follows from them, so that
// going back and reloading restore it.
import { computed, signal } from "@preact/signals";

export const here = signal(new URL(typeof location === "undefined" ? "http://localhost/" : location.href));
export const path = computed(() => here.value.pathname);

export type Parameters = Record<string, string>;

/** "/console/tenants/{id}" and "/console/tenants/acme" give {id: "acme"}; what does not match gives null. */
export function match(template: string, actual: string): Parameters | null {
  const want = template.split("/");
  const have = actual.replace(/\/+$/, "").split("/");
  if (template === "/") return actual === "/" ? {} : null;
  if (want.length !== have.length) return null;
  const found: Parameters = {};
  for (let i = 0; i < want.length; ++i) {
    const part = want[i]!;
    if (part.startsWith("{")) {
      try {
        found[part.slice(1, -1)] = decodeURIComponent(have[i]!);
      } catch {
        return null;
      }
      if (have[i] === "") return null;
    } else if (part !== have[i]) return null;
  }
  return found;
}

export function query(name: string): string {
  return here.value.searchParams.get(name) ?? "";
}

/** The present address with some of its query changed; "" removes. */
export function withQuery(changes: Record<string, string>, base: URL = here.value): string {
  const params = new URLSearchParams(base.search);
  for (const [name, value] of Object.entries(changes)) {
    if (value === "") params.delete(name);
    else params.set(name, value);
  }
  const text = params.toString();
  return base.pathname + (text === "" ? "" : `?${text}`);
}

export function go(to: string, how: "push" | "replace" = "push"): void {
  if (how === "push") history.pushState(null, "", to);
  else history.replaceState(null, "", to);
  const before = here.value.pathname;
  here.value = new URL(location.href);
  if (how === "push" && before !== here.value.pathname) scrollTo(0, 0);
}

export function setQuery(changes: Record<string, string>, how: "push" | "replace" = "replace"): void {
  go(withQuery(changes), how);
}

export function startRouter(): void {
  addEventListener("popstate", () => (here.value = new URL(location.href)));
  document.addEventListener("click", (event) => {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = (event.target as Element | null)?.closest?.("a");
    if (!link || link.target !== "" || link.hasAttribute("download") || link.origin !== location.origin) return;
    if (link.dataset["plain"] !== undefined) return;
    event.preventDefault();
    go(link.pathname + link.search + link.hash);
  });
}

/** Where a login leads: a path of ours, and nothing else. */
export function next(): string {
  const to = query("next");
  return /^\/(?![/\\])/.test(to) ? to : "/console";
}
