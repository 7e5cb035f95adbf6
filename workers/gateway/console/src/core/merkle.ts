// Verifies what the audit log gives out, in the browser: RFC 6962 trees, Ed25519, C2SP notes, as docs/audit-verification.md
// has them. It shares no code with the platform. Each step is told, so that who looks can see what was checked.

export class Wrong extends Error {}

const text = new TextEncoder();
export type Hash = Uint8Array<ArrayBuffer>;

export function fromBase64(value: string): Hash {
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(value) || value.length % 4 !== 0) throw new Wrong("not base64");
  return Uint8Array.from(atob(value), (c) => c.charCodeAt(0));
}
export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
function join(...parts: Uint8Array[]): Hash {
  const out = new Uint8Array(parts.reduce((sum, one) => sum + one.length, 0));
  let at = 0;
  for (const one of parts) { out.set(one, at); at += one.length; }
  return out;
}
function same(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
async function sha256(...parts: Uint8Array[]): Promise<Hash> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", join(...parts)));
}
export const leafHash = (leaf: Uint8Array) => sha256(Uint8Array.of(0), leaf);
export const nodeHash = (left: Hash, right: Hash) => sha256(Uint8Array.of(1), left, right);

// ---- signed heads

export interface Checkpoint { origin: string; tenant: string; size: number; root: Hash }

/** A public key as it is published: base64 of 0x01 and 32 bytes, alone or as the last part of a vkey. */
export function parseKey(written: string): Hash {
  const bytes = fromBase64(written.trim().split("+").length > 2 && written.includes("/audit/") ? written.trim().replace(/^[^+]*\+[0-9a-f]{8}\+/, "") : written.trim());
  if (bytes.length !== 33 || bytes[0] !== 1) throw new Wrong("the key is none of Ed25519");
  return bytes.slice(1);
}

export async function verifyCheckpoint(note: string, key: Hash): Promise<Checkpoint> {
  if (note.length > 64 * 1024) throw new Wrong("the checkpoint is too large");
  const end = note.lastIndexOf("\n\n");
  if (end < 0) throw new Wrong("the checkpoint is malformed");
  const signed = note.slice(0, end + 1);
  const [origin, size, root] = signed.split("\n");
  if (!origin || !size || !root || !/^(0|[1-9][0-9]{0,15})$/.test(size)) throw new Wrong("the checkpoint is malformed");
  const head = fromBase64(root);
  if (head.length !== 32) throw new Wrong("the checkpoint is malformed");
  const id = (await sha256(text.encode(`${origin}\n`), Uint8Array.of(1), key)).slice(0, 4);
  for (const line of note.slice(end + 2).split("\n")) {
    const match = /^\u2014 (\S+) (\S+)$/.exec(line);
    if (!match || match[1] !== origin) continue;
    const bytes = fromBase64(match[2]!);
    if (!same(bytes.slice(0, 4), id)) continue;
    const imported = await crypto.subtle.importKey("raw", key, { name: "Ed25519" }, false, ["verify"]);
    if (bytes.length !== 68 || !(await crypto.subtle.verify({ name: "Ed25519" }, imported, bytes.slice(4), text.encode(signed)))) throw new Wrong("the checkpoint's signature does not hold");
    return { origin, tenant: origin.split("/audit/")[1] ?? "", size: Number(size), root: head };
  }
  throw new Wrong("the key has not signed the checkpoint");
}

// ---- proofs

function split(n: number): number {
  let k = 1;
  while (k * 2 < n) k *= 2;
  return k;
}
export function hashes(written: string[]): Hash[] {
  const out = written.map(fromBase64);
  if (out.length > 64 || out.some((one) => one.length !== 32)) throw new Wrong("a proof's hashes are malformed");
  return out;
}

/** RFC 6962 2.1.1 backwards; `proof` is used up from its end. */
export async function rootOfInclusion(index: number, size: number, leaf: Hash, proof: Hash[]): Promise<Hash> {
  if (!(index >= 0 && index < size)) throw new Wrong("the record is not within the checkpoint");
  const walk = async (m: number, n: number): Promise<Hash> => {
    if (n === 1) return leaf;
    const last = proof.pop();
    if (!last) throw new Wrong("the proof is too short");
    const k = split(n);
    return m < k ? nodeHash(await walk(m, k), last) : nodeHash(last, await walk(m - k, n - k));
  };
  const root = await walk(index, size);
  if (proof.length > 0) throw new Wrong("the proof is too long");
  return root;
}

/** RFC 6962 2.1.2 backwards: the old root and the new one, by the proof. */
export async function rootsOfConsistency(oldSize: number, newSize: number, oldRoot: Hash, proof: Hash[]): Promise<[Hash, Hash]> {
  if (!(oldSize >= 1 && oldSize <= newSize)) throw new Wrong("the older checkpoint is not the start of the newer one");
  const walk = async (m: number, n: number, known: boolean): Promise<[Hash, Hash]> => {
    if (m === n && known) return [oldRoot, oldRoot];
    const last = proof.pop();
    if (!last) throw new Wrong("the proof is too short");
    if (m === n) return [last, last];
    const k = split(n);
    if (m <= k) {
      const [before, after] = await walk(m, k, known);
      return [before, await nodeHash(after, last)];
    }
    const [before, after] = await walk(m - k, n - k, false);
    return [await nodeHash(last, before), await nodeHash(last, after)];
  };
  const roots = await walk(oldSize, newSize, true);
  if (proof.length > 0) throw new Wrong("the proof is too long");
  return roots;
}

/** The sizes of the perfect subtrees that cover [begin, end). */
export function subtrees(begin: number, end: number): number[] {
  const out: number[] = [];
  while (begin < end) {
    let size = 2 ** Math.floor(Math.log2(end - begin));
    if (begin > 0) while (begin % size !== 0) size /= 2;
    out.push(size);
    begin += size;
  }
  return out;
}

class Forest {
  parts: { size: number; hash: Hash }[] = [];
  async push(size: number, hash: Hash) {
    this.parts.push({ size, hash });
    for (;;) {
      const right = this.parts.at(-1), left = this.parts.at(-2);
      if (!left || !right || left.size !== right.size) return;
      this.parts.splice(-2, 2, { size: left.size * 2, hash: await nodeHash(left.hash, right.hash) });
    }
  }
  async pushRange(begin: number, end: number, values: Hash[]) {
    const sizes = subtrees(begin, end);
    if (sizes.length !== values.length) throw new Wrong("a compact range has the wrong length");
    for (const [i, size] of sizes.entries()) await this.push(size, values[i]!);
  }
  async root(): Promise<Hash> {
    let value: Hash | undefined;
    for (const part of [...this.parts].reverse()) value = value ? await nodeHash(part.hash, value) : part.hash;
    return value ?? sha256();
  }
}

// ---- documents

export type StepName = "document" | "key" | "signature" | "leaf" | "path" | "root" | "old" | "grows" | "records";
export interface Step { name: StepName; good: boolean; detail: string }
export interface Verdict { good: boolean; steps: Step[]; leaf?: string; what: "inclusion" | "consistency" | "evidence" | "unknown" }

/** Checks a proof or evidence as it was given out. Never throws: what is wrong is a step that is red. */
export async function verify(document: string, writtenKey: string): Promise<Verdict> {
  const steps: Step[] = [];
  const good = (name: StepName, detail: string) => steps.push({ name, good: true, detail });
  let at: StepName = "document";
  let what: Verdict["what"] = "unknown";
  let leaf: string | undefined;
  try {
    const lines = document.trim().split("\n");
    let head: Record<string, unknown>;
    try {
      head = JSON.parse(document.includes("tenantry-audit-evidence/1") ? lines[0]! : document);
    } catch {
      throw new Wrong("not JSON");
    }
    const evidence = head["format"] === "tenantry-audit-evidence/1";
    if (!evidence && head["format"] !== "tenantry-audit-proof/1") throw new Wrong("neither a proof nor evidence");
    if (!evidence && head["type"] !== "inclusion" && head["type"] !== "consistency") throw new Wrong("a proof of nothing we know");
    what = evidence ? "evidence" : (head["type"] as "inclusion" | "consistency");
    good("document", String(head["format"]));
    at = "key";
    const key = parseKey(writtenKey);
    good("key", toHex(key));
    at = "signature";
    const checkpoint = await verifyCheckpoint(String(head["checkpoint"]), key);
    good("signature", `${checkpoint.origin} · ${checkpoint.size} · ${toHex(checkpoint.root)}`);
    if (what === "evidence") {
      at = "records";
      await verifyEvidence(head, lines.slice(1), checkpoint);
      good("records", `${head["first"]} … ${Number(head["first"]) + Number(head["count"]) - 1}`);
      good("root", toHex(checkpoint.root));
    } else if (what === "consistency") {
      at = "old";
      const old = await verifyCheckpoint(String(head["old_checkpoint"]), key);
      if (old.origin !== checkpoint.origin) throw new Wrong("the checkpoints are of two logs");
      good("old", `${old.size} · ${toHex(old.root)}`);
      at = "grows";
      const [before, after] = await rootsOfConsistency(old.size, checkpoint.size, old.root, hashes(head["proof"] as string[]));
      if (!same(before, old.root) || !same(after, checkpoint.root)) throw new Wrong("the older log is not the start of the newer one");
      good("grows", `${old.size} → ${checkpoint.size}`);
    } else {
      at = "leaf";
      const sequence = Number(head["sequence"]);
      let hash: Hash;
      if (typeof head["leaf_hash"] === "string") hash = hashes([head["leaf_hash"]])[0]!;
      else {
        leaf = String(head["leaf"]);
        const inner = JSON.parse(leaf) as Record<string, unknown>;
        if (inner["sequence"] !== sequence || inner["tenant_id"] !== checkpoint.tenant) throw new Wrong("another record in its place");
        hash = await leafHash(text.encode(leaf));
      }
      good("leaf", toHex(hash));
      at = "path";
      const proof = hashes(head["proof"] as string[]);
      const count = proof.length;
      const root = await rootOfInclusion(sequence, checkpoint.size, hash, proof);
      good("path", `${count} × SHA-256 → ${toHex(root)}`);
      at = "root";
      if (!same(root, checkpoint.root)) throw new Wrong(`${toHex(root)} ≠ ${toHex(checkpoint.root)}`);
      good("root", toHex(checkpoint.root));
    }
    return { good: true, steps, what, ...(leaf === undefined ? {} : { leaf }) };
  } catch (error) {
    steps.push({ name: at, good: false, detail: error instanceof Error ? error.message : String(error) });
    return { good: false, steps, what, ...(leaf === undefined ? {} : { leaf }) };
  }
}

async function verifyEvidence(head: Record<string, unknown>, lines: string[], checkpoint: Checkpoint): Promise<void> {
  const first = Number(head["first"]), past = first + Number(head["count"]);
  if (!(first >= 0 && first <= past && past <= checkpoint.size)) throw new Wrong("the stretch is not within the checkpoint");
  const forest = new Forest();
  await forest.pushRange(0, first, hashes(head["before"] as string[]));
  let sequence = first;
  for (const line of lines) {
    const record = JSON.parse(line) as { sequence: number; leaf: string };
    const inner = JSON.parse(record.leaf) as { sequence: number; tenant_id: string };
    if (record.sequence !== sequence || inner.sequence !== sequence || inner.tenant_id !== checkpoint.tenant) throw new Wrong(`record ${sequence}: another one in its place`);
    await forest.push(1, await leafHash(text.encode(record.leaf)));
    ++sequence;
  }
  if (sequence !== past) throw new Wrong(`record ${Math.min(sequence, past)}: missing, or one too many`);
  await forest.pushRange(past, checkpoint.size, hashes(head["after"] as string[]));
  if (!same(await forest.root(), checkpoint.root)) throw new Wrong(`records ${first} to ${past - 1}: not what was signed`);
}
