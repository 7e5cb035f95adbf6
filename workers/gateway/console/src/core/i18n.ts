// Words and numbers in the reader's language. A dictionary has both languages side by side; a key that one of them lacks
// fails the type check.
import { computed, signal } from "@preact/signals";

export type Language = "fr" | "en";

function preferred(): Language {
  if (typeof localStorage === "undefined") return "en";
  const kept = localStorage.getItem("language");
  if (kept === "fr" || kept === "en") return kept;
  return navigator.languages.find((one) => /^(fr|en)\b/.test(one))?.startsWith("fr") ? "fr" : "en";
}

export const language = signal<Language>(preferred());
export function setLanguage(to: Language): void {
  language.value = to;
  localStorage.setItem("language", to);
}

type Values = Record<string, string | number>;
/** "{n} of {total}", and where a count decides: "{n|one tenant|# tenants}". */
export function fill(text: string, values: Values, of: Language): string {
  return text.replace(/\{(\w+)(?:\|([^|}]*)\|([^|}]*))?\}/g, (_, name: string, one?: string, many?: string) => {
    const value = values[name] ?? "";
    if (one === undefined || many === undefined) return typeof value === "number" ? number(value, of) : value;
    const count = Number(value);
    return (new Intl.PluralRules(of).select(count) === "one" ? one : many).replace("#", number(count, of));
  });
}

/** A dictionary: t("key", values). Used inside a component it follows the language. */
export function words<Key extends string>(dictionary: { en: Record<Key, string>; fr: Record<NoInfer<Key>, string> }) {
  return (key: Key, values: Values = {}): string => fill(dictionary[language.value][key], values, language.value);
}

const localeOf = (of: Language) => (of === "fr" ? "fr-FR" : "en-GB");
const locale = computed(() => localeOf(language.value));
export function number(value: number, of: Language = language.value): string {
  return new Intl.NumberFormat(localeOf(of), { maximumFractionDigits: 2 }).format(value);
}
// How many decimals an amount of Stripe's has, where it is not two, as shared/core/money.cpp has it: ISO 4217, by which Intl
// goes, has it otherwise here and there (ISK and UGX travel with two, which are nought; HUF and TWD have theirs).
const zeroDecimal = ["BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF"];
const threeDecimal = ["BHD", "JOD", "KWD", "OMR", "TND"];
export function money(price: { amount_minor: number; currency: string }, of: Language = language.value): string {
  const currency = price.currency.toUpperCase();
  const decimals = zeroDecimal.includes(currency) ? 0 : threeDecimal.includes(currency) ? 3 : 2;
  const shown = price.amount_minor % 10 ** decimals === 0 ? 0 : decimals;
  return new Intl.NumberFormat(localeOf(of), { style: "currency", currency, minimumFractionDigits: shown, maximumFractionDigits: shown }).format(price.amount_minor / 10 ** decimals);
}
export function instant(text: string): string {
  return new Intl.DateTimeFormat(locale.value, { dateStyle: "medium", timeStyle: "medium" }).format(new Date(text));
}
export function day(text: string): string {
  return new Intl.DateTimeFormat(locale.value, { dateStyle: "medium" }).format(new Date(text));
}

const steps: [Intl.RelativeTimeFormatUnit, number][] = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];
export function relative(text: string, now = Date.now()): string {
  const seconds = (Date.parse(text) - now) / 1000;
  const [unit, size] = steps.find(([, each]) => Math.abs(seconds) >= each) ?? ["second", 1];
  return new Intl.RelativeTimeFormat(locale.value, { numeric: "auto" }).format(Math.round(seconds / size), unit);
}
export function bytes(count: number): string {
  const unit = ["B", "kB", "MB", "GB", "TB"];
  let i = 0;
  while (count >= 1000 && i < unit.length - 1) { count /= 1000; ++i; }
  return `${number(Math.round(count * 10) / 10)} ${unit[i]}`;
}
