#!/usr/bin/env python3
"""Verifies what Tenantry's audit log gives out, with Python's standard library alone.

Written from the standards (RFC 6962, RFC 8032, C2SP signed-note and tlog-checkpoint) and docs/audit-verification.md, not
from the platform's code, and shares none with it: two readers who agree on a proof have not made the same mistake.

  audit_verifier.py KEY < evidence.ndjson      KEY: base64 of 0x01 and the public key
  audit_verifier.py KEY < proof.json
Prints what is proven and ends with 0, or says what is wrong and ends with 1.
"""
import base64
import hashlib
import json
import sys


class Wrong(Exception):
    pass


# ---- Ed25519 verification, RFC 8032 section 5.1 --------------------------------------------------------------------

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT_OF_MINUS_ONE = pow(2, (P - 1) // 4, P)


def add(a, b):
    x1, y1, z1, t1 = a
    x2, y2, z2, t2 = b
    m, n = (y1 - x1) * (y2 - x2) % P, (y1 + x1) * (y2 + x2) % P
    c, d = 2 * t1 * t2 * D % P, 2 * z1 * z2 % P
    e, f, g, h = n - m, d - c, d + c, n + m
    return e * f % P, g * h % P, f * g % P, e * h % P


def multiply(scalar, point):
    out = (0, 1, 1, 0)
    while scalar:
        if scalar & 1:
            out = add(out, point)
        point = add(point, point)
        scalar >>= 1
    return out


def decode_point(data):
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & (2**255 - 1)
    if y >= P:
        raise Wrong("a point that is none")
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT_OF_MINUS_ONE % P
    if (x * x - square) % P or (x == 0 and sign):
        raise Wrong("a point that is none")
    if x & 1 != sign:
        x = P - x
    return x, y, 1, x * y % P


def same(a, b):
    return (a[0] * b[2] - b[0] * a[2]) % P == 0 and (a[1] * b[2] - b[1] * a[2]) % P == 0


BASE = decode_point((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


def ed25519_holds(key, message, signature):
    if len(signature) != 64:
        return False
    s = int.from_bytes(signature[32:], "little")
    if s >= ORDER:
        return False
    a, r = decode_point(key), decode_point(signature[:32])
    k = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little") % ORDER
    return same(multiply(s, BASE), add(r, multiply(k, a)))


# ---- notes ---------------------------------------------------------------------------------------------------------


def checkpoint(note, key):
    """(origin, size, root) of a note that `key` has signed under its origin's name."""
    text, _, signatures = note.rpartition("\n\n")
    text += "\n"
    lines = text.split("\n")
    origin, size, root = lines[0], lines[1], base64.b64decode(lines[2], validate=True)
    if not size.isascii() or not size.isdigit() or str(int(size)) != size or len(root) != 32:
        raise Wrong("the checkpoint is malformed")
    wanted = hashlib.sha256(origin.encode() + b"\n\x01" + key).digest()[:4]
    for line in signatures.splitlines():
        dash, name, data = line.split(" ")
        raw = base64.b64decode(data, validate=True)
        if dash != "\u2014" or name != origin or raw[:4] != wanted:
            continue
        if not ed25519_holds(key, text.encode(), raw[4:]):
            raise Wrong("the checkpoint's signature does not hold")
        return origin, int(size), root
    raise Wrong("the key has not signed the checkpoint")


# ---- the tree ------------------------------------------------------------------------------------------------------


def leaf(data):
    return hashlib.sha256(b"\0" + data).digest()


def node(left, right):
    return hashlib.sha256(b"\1" + left + right).digest()


def split(n):
    k = 1
    while 2 * k < n:
        k *= 2
    return k


def hashes(texts):
    out = [base64.b64decode(text, validate=True) for text in texts]
    if len(out) > 64 or any(len(each) != 32 for each in out):
        raise Wrong("a proof's hashes are malformed")
    return out


def root_of_inclusion(m, n, leaf_hash, proof):
    """By the recursion of RFC 6962 2.1.1, backwards; `proof` is used up."""
    if n == 1:
        return leaf_hash
    if not proof:
        raise Wrong("the proof is too short")
    k, last = split(n), proof.pop()
    if m < k:
        return node(root_of_inclusion(m, k, leaf_hash, proof), last)
    return node(last, root_of_inclusion(m - k, n - k, leaf_hash, proof))


def roots_of_consistency(m, n, old_root, proof, known=True):
    """(old, new) by the recursion of RFC 6962 2.1.2, backwards; `proof` is used up."""
    if m == n:
        if known:
            return old_root, old_root
        if not proof:
            raise Wrong("the proof is too short")
        last = proof.pop()
        return last, last
    if not proof:
        raise Wrong("the proof is too short")
    k, last = split(n), proof.pop()
    if m <= k:
        old, new = roots_of_consistency(m, k, old_root, proof, known)
        return old, node(new, last)
    old, new = roots_of_consistency(m - k, n - k, old_root, proof, False)
    return node(last, old), node(last, new)


def subtrees(begin, end):
    while begin < end:
        size = 1 << ((end - begin).bit_length() - 1)
        if begin:
            size = min(size, begin & -begin)
        yield size
        begin += size


class Forest:
    """Perfect subtrees side by side, (leaves, hash), joined as soon as two of a size meet."""

    def __init__(self):
        self.parts = []

    def push(self, size, value):
        self.parts.append((size, value))
        while len(self.parts) > 1 and self.parts[-1][0] == self.parts[-2][0]:
            (size, right), (_, left) = self.parts.pop(), self.parts.pop()
            self.parts.append((2 * size, node(left, right)))

    def push_range(self, begin, end, values):
        sizes = list(subtrees(begin, end))
        if len(sizes) != len(values):
            raise Wrong("a compact range has the wrong length")
        for size, value in zip(sizes, values):
            self.push(size, value)

    def root(self):
        value = None
        for _, part in reversed(self.parts):
            value = part if value is None else node(part, value)
        return value if value is not None else hashlib.sha256(b"").digest()


def tenant_of(origin):
    return origin.partition("/audit/")[2]


def verify_evidence(lines, key):
    head = json.loads(next(lines))
    origin, size, root = checkpoint(head["checkpoint"], key)
    first, past = head["first"], head["first"] + head["count"]
    if not 0 <= first <= past <= size:
        raise Wrong("the stretch is not within the checkpoint")
    forest = Forest()
    forest.push_range(0, first, hashes(head["before"]))
    sequence = first
    for line in lines:
        record = json.loads(line)
        inner = json.loads(record["leaf"])
        if not record["sequence"] == inner["sequence"] == sequence or inner["tenant_id"] != tenant_of(origin):
            raise Wrong(f"tenant {tenant_of(origin)}, record {sequence}: another one in its place")
        forest.push(1, leaf(record["leaf"].encode()))
        sequence += 1
    if sequence != past:
        raise Wrong(f"tenant {tenant_of(origin)}, record {min(sequence, past)}: missing, or one too many")
    forest.push_range(past, size, hashes(head["after"]))
    if forest.root() != root:
        raise Wrong(f"tenant {tenant_of(origin)}, records {first} to {past - 1}: not what was signed")
    return f"records {first} to {past - 1} of {origin}, {size} records, hold"


def verify_proof(document, key):
    origin, size, root = checkpoint(document["checkpoint"], key)
    proof = hashes(document["proof"])
    if document["type"] == "inclusion":
        sequence = document["sequence"]
        if "leaf_hash" in document:  # of an archived record, whose leaf is in the archive's file
            leaf_hash, = hashes([document["leaf_hash"]])
        else:
            leaf_hash = leaf(document["leaf"].encode())
        if not 0 <= sequence < size or root_of_inclusion(sequence, size, leaf_hash, proof) != root or proof:
            raise Wrong(f"tenant {tenant_of(origin)}, record {sequence}: the proof does not hold")
        return f"record {sequence} is in {origin}, {size} records"
    old_origin, old_size, old_root = checkpoint(document["old_checkpoint"], key)
    if old_origin != origin or not 1 <= old_size <= size:
        raise Wrong("the checkpoints are not of one log, older and newer")
    if roots_of_consistency(old_size, size, old_root, proof) != (old_root, root) or proof:
        raise Wrong(f"tenant {tenant_of(origin)}, records 0 to {old_size - 1}: the logs are not consistent")
    return f"{origin}: {old_size} records are the start of {size}"


def verify(text, key_text):
    key = base64.b64decode(key_text, validate=True)
    if len(key) != 33 or key[0] != 1:
        raise Wrong("the key is not Ed25519")
    try:
        lines = iter(text.splitlines())
        if '"tenantry-audit-evidence/1"' in text.partition("\n")[0]:
            return verify_evidence(lines, key[1:])
        return verify_proof(json.loads(text), key[1:])
    except (ValueError, KeyError, TypeError, IndexError, StopIteration) as error:
        raise Wrong(f"malformed: {error}") from error


if __name__ == "__main__":
    try:
        print(verify(sys.stdin.read(), sys.argv[1]))
    except Wrong as wrong:
        sys.exit(f"refused: {wrong}")
