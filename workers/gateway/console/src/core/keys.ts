// The keyboard: j and k go through rows, Enter opens, x selects, / searches, ? helps, Ctrl-K is the palette. Single letters do
// nothing while somebody writes, and can be switched off (WCAG 2.1.4).
import { signal } from "@preact/signals";

export const letters = signal(typeof localStorage === "undefined" || localStorage.getItem("letters") !== "off");
export function setLetters(on: boolean): void {
  letters.value = on;
  localStorage.setItem("letters", on ? "on" : "off");
}
export const paletteOpen = signal(false);
export const helpOpen = signal(false);

function writes(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
}

function moveRow(by: number): void {
  const rows = [...document.querySelectorAll<HTMLElement>("tr[data-row]")];
  const at = rows.findIndex((row) => row.contains(document.activeElement));
  const next = rows[Math.max(0, Math.min(rows.length - 1, at + by))];
  next?.querySelector<HTMLElement>(".row-link, a, button")?.focus();
  next?.scrollIntoView({ block: "nearest" });
}

export function onKey(event: KeyboardEvent): void {
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
    event.preventDefault();
    paletteOpen.value = !paletteOpen.value;
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || !letters.value || writes(event.target)) return;
  if (document.querySelector("dialog[open]")) return;
  if (event.key === "/") {
    const box = document.querySelector<HTMLElement>("[data-search]");
    if (box) { event.preventDefault(); box.focus(); }
  } else if (event.key === "?") helpOpen.value = true;
  else if (event.key === "j") moveRow(1);
  else if (event.key === "k") moveRow(-1);
  else if (event.key === "x") document.activeElement?.closest("tr[data-row]")?.querySelector<HTMLInputElement>("input[data-select]")?.click();
}
