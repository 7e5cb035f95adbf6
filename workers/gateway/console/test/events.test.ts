import assert from "node:assert/strict";
import { test } from "node:test";
import { EventReader } from "../src/core/events.ts";

const stream = ': follows\n\nid: a1\n\nid: a2\ndata: {"n":1}\n\nid: a3\ndata: one\ndata: two\n\n: \nid: a4\n\nid: a5\ndata: cut';

test("events are the same however they are cut in pieces, and what has no end is none", () => {
  const wanted = [{ id: "", data: "" }, { id: "a1", data: "" }, { id: "a2", data: '{"n":1}' }, { id: "a3", data: "one\ntwo" }, { id: "a4", data: "" }];
  for (const size of [1, 2, 3, 7, stream.length]) {
    const reader = new EventReader();
    const found = [];
    for (let at = 0; at < stream.length; at += size) found.push(...reader.feed(stream.slice(at, at + size)));
    assert.deepEqual(found, wanted, String(size));
  }
});

test("before the first id a stream that goes on is where it was", () => {
  assert.deepEqual(new EventReader("a7").feed(": follows\n\n"), [{ id: "a7", data: "" }]);
});
