// The vectors are those of the C++ tree (tests/shared/audit_tree reads the same file); each single change of what holds
// must be seen.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { webcrypto } from "node:crypto";
import { join } from "node:path";
import { test } from "node:test";
import { hashes, leafHash, parseKey, rootOfInclusion, rootsOfConsistency, subtrees, toHex, verify } from "../src/core/merkle.ts";

globalThis.crypto ??= webcrypto as Crypto;  // Node 18
const vectors = JSON.parse(readFileSync(join(process.env["CONSOLE"]!, "../../../tests/data/audit_tree/vectors.json"), "utf8"));
const bytes = (hex: string) => Uint8Array.from(hex.match(/../g) ?? [], (two) => parseInt(two, 16));

test("leaves hash as published", async () => {
  for (const one of vectors.leaves) assert.equal(toHex(await leafHash(bytes(one.data))), one.hash);
});

test("published inclusion proofs lead to the root, and to no other place", async () => {
  for (const one of vectors.inclusion) {
    const leaf = bytes(vectors.leaves[one.index].hash);
    const root = (index: number, size: number, proof = one.proof) => rootOfInclusion(index, size, leaf, proof.map(bytes)).then(toHex, () => "refused");
    assert.equal(await root(one.index, one.size), vectors.roots[one.size]);
    for (let index = 0; index < one.size; ++index) if (index !== one.index) assert.notEqual(await root(index, one.size), vectors.roots[one.size], `${index}`);
    assert.notEqual(await root(one.index, one.size, [...one.proof, one.proof[0] ?? vectors.roots[1]]), vectors.roots[one.size]);
    if (one.proof.length > 0) assert.equal(await root(one.index, one.size, one.proof.slice(1)), "refused");
  }
});

test("published consistency proofs give both roots", async () => {
  for (const one of vectors.consistency) {
    const [before, after] = await rootsOfConsistency(one.old, one.size, bytes(vectors.roots[one.old]), one.proof.map(bytes));
    assert.equal(toHex(before), vectors.roots[one.old]);
    assert.equal(toHex(after), vectors.roots[one.size]);
  }
  await assert.rejects(rootsOfConsistency(0, 8, bytes(vectors.roots[0]), []));
});

test("compact ranges are aligned", () => {
  assert.deepEqual(subtrees(0, 7), [4, 2, 1]);
  assert.deepEqual(subtrees(3, 8), [1, 4]);
  assert.deepEqual(subtrees(6, 6), []);
});

test("documents as the platform writes them hold", async () => {
  for (const document of [vectors.documents.inclusion, vectors.documents.consistency, vectors.documents.evidence]) {
    const verdict = await verify(document, vectors.documents.key);
    assert.ok(verdict.good, JSON.stringify(verdict.steps));
  }
});

test("every single change of a document is seen", async () => {
  let seen = 0;
  for (const document of [vectors.documents.inclusion, vectors.documents.consistency, vectors.documents.evidence] as string[]) {
    for (let i = 0; i < document.length; ++i) {
      const c = document[i]!;
      const other = /[0-8]/.test(c) ? String(Number(c) + 1) : c === "9" ? "0" : /[a-yA-Y]/.test(c) ? String.fromCharCode(c.charCodeAt(0) + 1) : undefined;
      if (other === undefined) continue;
      const changed = document.slice(0, i) + other + document.slice(i + 1);
      const verdict = await verify(changed, vectors.documents.key);
      if (verdict.good) assert.ok(harmless(document, changed), `at ${i}: ${changed.slice(Math.max(0, i - 20), i + 20)}`);
      else ++seen;
    }
  }
  assert.ok(seen > 500, `${seen}`);
});

/** Base64 may end in bits that stand for nothing. */
function harmless(before: string, after: string): boolean {
  const decoded = (text: string) => text.replace(/[A-Za-z0-9+/]{20,}={0,2}/g, (part) => Buffer.from(part, "base64").toString("hex"));
  return decoded(before) === decoded(after);
}

test("another key, and what is none, is red", async () => {
  const other = Buffer.concat([Buffer.of(1), Buffer.alloc(32, 7)]).toString("base64");
  for (const key of [other, "", "AAAA", "not base64"]) assert.equal((await verify(vectors.documents.inclusion, key)).good, false);
  assert.deepEqual(parseKey(vectors.documents.vkey), parseKey(vectors.documents.key));
  for (const document of ["", "{}", "null", "[1]", '{"format":"tenantry-audit-proof/1"}']) assert.equal((await verify(document, vectors.documents.key)).good, false);
  assert.throws(() => hashes(["AAAA"]));
});
