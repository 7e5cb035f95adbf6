import { signal } from "@preact/signals";

export type Theme = "light" | "dark";
const kept = typeof localStorage === "undefined" ? null : localStorage.getItem("theme");
const system = typeof matchMedia !== "undefined" && matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
export const theme = signal<Theme>(kept === "light" || kept === "dark" ? kept : system);
export function setTheme(to: Theme): void {
  theme.value = to;
  localStorage.setItem("theme", to);
}
