// Foreign text as it may be shown. It reaches the page as text nodes alone, so markup is no danger; what is left are
// characters that turn or hide what stands around them, and lengths.
const invisible: Record<string, string> = {
  "\u200b": "ZWSP", "\u200c": "ZWNJ", "\u200d": "ZWJ", "\u200e": "LRM", "\u200f": "RLM", "\u202a": "LRE", "\u202b": "RLE",
  "\u202c": "PDF", "\u202d": "LRO", "\u202e": "RLO", "\u2060": "WJ", "\u2066": "LRI", "\u2067": "RLI", "\u2068": "FSI", "\u2069": "PDI", "\ufeff": "BOM",
};

/** What one cannot see, by its name in brackets; the rest as it is, shortened where it is longer than anybody reads. */
export function visible(text: string, longest = 300): string {
  let out = "";
  let count = 0;
  for (const character of text) {
    if (++count > longest) return `${out}…`;
    const code = character.codePointAt(0)!;
    const control = (code < 0x20 && code !== 10 && code !== 9) || (code >= 0x7f && code < 0xa0);
    out += invisible[character] ? `⟦${invisible[character]}⟧` : control ? `⟦${code.toString(16).toUpperCase().padStart(2, "0")}⟧` : character;
  }
  return out;
}

/** What somebody has pasted: where does it lead a super-admin? */
export function recognise(text: string): { kind: "event" | "stripe" | "email" | "tenant" | "text"; value: string } {
  const value = text.trim();
  if (/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i.test(value)) return { kind: "event", value: value.toLowerCase() };
  if (/^(evt|cus|sub|in|pi|ch|cs)_[A-Za-z0-9_]+$/.test(value)) return { kind: "stripe", value };
  if (/^\S+@\S+\.\S+$/.test(value)) return { kind: "email", value };
  if (/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])$/.test(value)) return { kind: "tenant", value };
  return { kind: "text", value };
}

/** A value of the audit search's language. */
export function term(key: string, value: string): string {
  const plain = /^[^\s":\\]+$/.test(value);
  return `${key}:${plain ? value : `"${value.replace(/[\\"]/g, "\\$&")}"`}`;
}
