import assert from "node:assert/strict";
import { test } from "node:test";
import { Problem } from "../src/core/api.ts";
import { oneByOne, type Done } from "../src/core/bulk.ts";

test("one after the other, each with what came of it, until somebody says stop", async () => {
  const begun: string[] = [];
  const told: Done[] = [];
  let under = 0;
  const act = async (id: string) => {
    begun.push(id);
    assert.equal(++under, 1);
    await Promise.resolve();
    --under;
    if (id === "b") throw new Problem(409, "transition_refused", "", "no");
  };
  await oneByOne(["a", "b", "c", "d"], act, (one) => told.push(one), () => begun.length === 3);
  assert.deepEqual(begun, ["a", "b", "c"]);
  assert.deepEqual(told.map(({ id, problem }) => [id, problem?.code]), [["a", undefined], ["b", "transition_refused"], ["c", undefined]]);
});
