import assert from "node:assert/strict";
import { test } from "node:test";
import { courseOf, projected } from "../src/core/course.ts";
import { fill, money, relative, words } from "../src/core/i18n.ts";
import { treeOf, type AuditRecord } from "../src/core/record.tsx";
import { match } from "../src/core/router.ts";
import { curl, example, operations } from "../src/core/schema.ts";
import { covers } from "../src/core/session.ts";
import { kindOf } from "../src/core/standing.tsx";
import { recognise, term, visible } from "../src/core/text.ts";
import { reasonOf, searchOf } from "../src/views/acts.tsx";
import { within } from "../src/views/audit.tsx";
import { readableOn } from "../src/views/settings.tsx";
import { dueOf } from "../src/views/tenant.tsx";
import { lagsOf } from "../src/views/health.tsx";
import { views } from "views:all";

test("paths match whole segments", () => {
  assert.deepEqual(match("/console/tenants/{id}", "/console/tenants/acme"), { id: "acme" });
  assert.deepEqual(match("/console/tenants/{id}", "/console/tenants/a%2Fb/"), { id: "a/b" });
  assert.equal(match("/console/tenants/{id}", "/console/tenants"), null);
  assert.equal(match("/console/tenants/{id}", "/console/tenants/acme/more"), null);
  assert.equal(match("/console/tenants/{id}", "/console/tenants/%E0%A4%A"), null);
  assert.deepEqual(match("/", "/"), {});
});

test("no two views of one root have one path, and every menu entry has an icon", () => {
  const kinds = (root: string) => (root === "any" ? ["admin", "tenant"] : [root]);
  const seen = views.flatMap((view) => kinds(view.root).map((kind) => `${kind} ${view.path}`));
  assert.equal(new Set(seen).size, seen.length);
  assert.ok(views.length >= 20);
  for (const view of views) {
    assert.ok(view.title().length > 0);
    if (view.order !== undefined) assert.ok(view.icon, view.path);
  }
});

test("what cannot be seen is marked, and markup is text", () => {
  assert.equal(visible("a\u202eb\u200bc"), "a⟦RLO⟧b⟦ZWSP⟧c");
  assert.equal(visible("a\u0000\u0085"), "a⟦00⟧⟦85⟧");
  assert.equal(visible("<b>é</b>"), "<b>é</b>");
  assert.equal(visible("x".repeat(400), 10), `${"x".repeat(10)}…`);
  assert.equal(visible("👩‍🚀"), "👩⟦ZWJ⟧🚀");
});

test("what is pasted is recognised", () => {
  assert.equal(recognise(" 0193A2B4-5c6d-7e8f-9a0b-1c2d3e4f5a6b ").value, "0193a2b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b");
  assert.equal(recognise("evt_1Abc").kind, "stripe");
  assert.equal(recognise("marie@acme.example").kind, "email");
  assert.equal(recognise("acme-2").kind, "tenant");
  assert.equal(recognise("Café Noir").kind, "text");
});

test("a value becomes a term of the search's grammar", () => {
  assert.equal(term("tenant", "acme"), "tenant:acme");
  assert.equal(term("actor", "ops/Ada Lovelace"), 'actor:"ops/Ada Lovelace"');
  assert.equal(term("id", 'a"b\\c'), 'id:"a\\"b\\\\c"');
});

test("grants cover what the server says they cover", () => {
  assert.ok(covers(["*"], "users:read"));
  assert.ok(covers(["users:*"], "users:read"));
  assert.ok(covers(["clients:read:own"], "clients:read"));
  assert.ok(!covers(["users:read"], "users:invite"));
  assert.ok(!covers(["user:*"], "users:read"));
});

test("counts choose their words", () => {
  assert.equal(fill("{n|one row|# rows}", { n: 1 }, "en"), "one row");
  assert.equal(fill("{n|one row|# rows}", { n: 1200 }, "en"), "1,200 rows");
  assert.equal(fill("{n|une ligne|# lignes}", { n: 0 }, "fr"), "une ligne");
  assert.equal(fill("{who} of {all}", { who: "<b>", all: 3 }, "en"), "<b> of 3");
  const t = words({ en: { a: "A" }, fr: { a: "B" } });
  assert.equal(t("a"), "A");
  assert.equal(relative("2026-01-01T00:00:00Z", Date.parse("2026-01-03T00:00:00Z")), "2 days ago");
});

test("records of a request become the tree of what led to what", () => {
  const record = (sequence: number, event_id: string, causation_id: string) => ({ tenant_id: "t", sequence, event_id, causation_id }) as AuditRecord;
  const tree = treeOf([record(0, "a", "elsewhere"), record(1, "c", "b"), record(2, "b", "a"), record(3, "d", "a"), record(4, "x", "y"), record(5, "y", "x")]);
  assert.deepEqual(tree.map(({ record, depth }) => [record.event_id, depth]), [["a", 0], ["b", 1], ["c", 2], ["d", 1], ["x", 0], ["y", 0]]);
});

test("a time that is chosen takes the place of the one before, and of nothing else", () => {
  assert.equal(within("", "a", "b"), "from:a to:b");
  assert.equal(within('type:x from:7d to:"2026-01-01 00:00" "from here"', "a", "b"), 'type:x "from here" from:a to:b');
  assert.equal(within("occurred_from:1h actor:to", "a", "b"), "occurred_from:1h actor:to from:a to:b");
});

test("usage goes on as it did", () => {
  const half = Date.parse("2026-01-16T12:00:00Z");
  assert.equal(Math.round(projected(50, "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z", half)), 100);
  assert.equal(projected(5, "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z", Date.parse("2026-01-01T01:00:00Z")), 5);
});

test("a course leads from what is counted to where it goes, and says when a limit is reached", () => {
  const start = "2026-01-01T00:00:00Z", end = "2026-01-31T00:00:00Z", at = "2026-01-16T00:00:00Z";
  const days = [{ day: "2025-12-31T00:00:00Z", quantity: 900 }, { day: "2026-01-01T00:00:00Z", quantity: 10 }, { day: "2026-01-10T00:00:00Z", quantity: 30 }, { day: "2026-01-15T00:00:00Z", quantity: 10 }];
  const course = courseOf({ quantity: 50, limit: 80, by_day: days }, start, end, at);
  assert.deepEqual(course.points.map(([when, sum]) => [Math.round(when * 30), sum]), [[0, 0], [1, 10], [10, 40], [15, 50]]);
  assert.equal(Math.round(course.projected), 100);
  assert.equal(course.full, "2026-01-25T00:00:00.000Z");
  assert.equal(courseOf({ quantity: 50, limit: -1, by_day: days }, start, end, at).full, null);
  assert.equal(courseOf({ quantity: 50, limit: 100, by_day: days }, start, end, at).full, null);
  assert.equal(courseOf({ quantity: 50, limit: 40, by_day: days }, start, end, at).full, "2026-01-16T00:00:00.000Z");
});

test("lags are what waits for each worker, and tell who reads", () => {
  const queue = (worker: string, more: object) => ({ vhost: "v", queue: `t.${worker}`, tenant_id: "t", worker, ready: 0, unacknowledged: 0, consumers: 1, publish_rate: 0, deliver_rate: 0, ack_rate: 0, oldest_at: null, dead_letters: 0, ...more });
  const lags = lagsOf([queue("audit", { ready: 3, oldest_at: "2026-01-02T00:00:00Z", publish_rate: 1.5 }), queue("audit", { ready: 4, consumers: 0, oldest_at: "2026-01-01T00:00:00Z", publish_rate: 1 }), queue("billing", { consumers: 0 }), queue("", { ready: 9 })]);
  const of = (worker: string) => lags.find((one) => one.worker === worker)!;
  assert.equal(lags.length, 6);
  assert.deepEqual(of("audit"), { worker: "audit", queues: 2, unread: 1, ready: 7, unacknowledged: 0, publish_rate: 2.5, ack_rate: 0, oldest_at: "2026-01-01T00:00:00Z" });
  assert.deepEqual([of("billing").queues, of("billing").unread, of("metering").queues], [1, 1, 0]);
});

test("documents give operations, examples and commands to copy", () => {
  const document = {
    paths: { "/v1/things": { post: { operationId: "makeThing", summary: "Makes one.", tags: ["things"], security: [{ tenant: [] }], requestBody: { content: { "application/json": { schema: { $ref: "#/components/schemas/Thing" } } } }, responses: { 201: { description: "Created", content: { "application/json": { schema: { $ref: "#/components/schemas/Thing" } } } } } } } },
    components: { schemas: { Thing: { type: "object", properties: { name: { type: "string", example: "it's" }, when: { type: "string", format: "date-time" }, inner: { $ref: "#/components/schemas/Thing" } } } } },
  };
  const [one] = operations(document);
  assert.equal(one!.access, "tenant");
  assert.equal((example(document, { $ref: "#/components/schemas/Thing" }) as { name: string }).name, "it's");
  assert.ok(curl(one!, "http://x").startsWith("curl -X POST 'http://x/v1/things'"));
  assert.ok(curl(one!, "http://x").includes("'\\''"));
});

test("an amount is divided as Stripe means it, not as ISO 4217 has it", () => {
  const shown = (amount_minor: number, currency: string) => money({ amount_minor, currency }, "en").replaceAll("\u00a0", " ");
  // As tests/shared/core/money_test.cpp has them.
  for (const [minor, currency, text] of [
    [4900, "EUR", "€49"], [4905, "EUR", "€49.05"], [-5, "EUR", "-€0.05"], [500, "JPY", "JP¥500"], [4900, "eur", "€49"],
    [500_000, "UGX", "UGX 5,000"], [150_000, "ISK", "ISK 1,500"], [150_050, "ISK", "ISK 1,500.50"], [125_000, "HUF", "HUF 1,250"], [125_050, "HUF", "HUF 1,250.50"], [80_000, "TWD", "NT$800"],
    [12_340, "KWD", "KWD 12.340"], [5, "BHD", "BHD 0.005"], [12_000, "TND", "TND 12"],
    ...["BIF", "CLP", "DJF", "GNF", "KMF", "MGA", "PYG", "RWF", "VUV"].map((one) => [4900, one, `${one} 4,900`] as const),
    ...([["KRW", "₩4,900"], ["VND", "₫4,900"], ["XAF", "FCFA 4,900"], ["XOF", "F CFA 4,900"], ["XPF", "CFPF 4,900"]] as const).map(([one, as]) => [4900, one, as.replaceAll("\u202f", " ")] as const),
  ] as const) assert.equal(shown(minor, currency).replaceAll("\u202f", " "), text, currency);
});

test("why a company is closed", () => {
  assert.equal(kindOf({ status: "SUSPENDED", status_reason: "abuse" }), "admin");
  assert.equal(kindOf({ status: "SUSPENDED", status_reason: "payment_failed" }), "unpaid");
  assert.equal(kindOf({ status: "SUSPENDED", status_reason: "trial_expired" }), "trial");
  assert.equal(kindOf({ status: "SUSPENDED", status_reason: "paused" }), "paused");
  assert.equal(kindOf({ status: "CANCELLED", status_reason: "admin" }), "cancelled");
  assert.equal(kindOf({ status: "TRIAL", status_reason: "" }), undefined);
  assert.equal(kindOf({ status: "TRIAL", status_reason: "" }, "trial_expired"), "trial");  // its timer is late
  assert.equal(kindOf({ status: "ACTIVE", status_reason: "paid" }), undefined);
});

test("what comes to an active tenant, the next first", () => {
  const account = (state: "current" | "past_due", since: string | null) => ({ state, paid_at: null, past_due_since: since, ended_at: null, priced_plan: "", because: null });
  const nothing = { account: account("current", null), timers: [], subscriptions: [] };
  const subscription = (status: string, cancel_at: string | null) => ({ id: "sub_1", status, current_period_end: null, cancel_at });
  assert.deepEqual(dueOf(nothing, undefined), []);
  const owing = { ...nothing, account: account("past_due", "2026-03-01T00:00:00Z"), timers: [{ type: "dunning.due", at: "2026-03-08T00:00:00Z" }] };
  assert.deepEqual(dueOf(owing, 14), [{ what: "nextDunning", at: "2026-03-08T00:00:00Z" }, { what: "nextSuspension", at: "2026-03-15T00:00:00.000Z" }]);
  assert.deepEqual(dueOf({ ...owing, timers: [{ type: "dunning.due", at: "2026-03-15T00:00:00Z" }] }, 14).map((one) => one.what), ["nextSuspension"]);  // no reminder is left
  assert.deepEqual(dueOf({ ...owing, timers: [] }, undefined), [{ what: "nextDunning", at: null }]);
  const changing = { ...nothing, timers: [{ type: "plan.change_due", at: "2026-04-01T00:00:00Z" }], subscriptions: [subscription("active", "2026-03-20T00:00:00Z"), subscription("canceled", "2026-01-01T00:00:00Z")] };
  assert.deepEqual(dueOf(changing, undefined), [{ what: "nextEnd", at: "2026-03-20T00:00:00Z" }, { what: "nextPlan", at: "2026-04-01T00:00:00Z" }]);
});

test("words are readable on any colour", () => {
  assert.equal(readableOn("#000000"), "#ffffff");
  assert.equal(readableOn("#ffffff"), "#000000");
  assert.equal(readableOn("#1f4e79"), "#ffffff");
  assert.equal(readableOn("#ffee00"), "#000000");
  assert.equal(readableOn("#e07a1f"), "#000000");
});

test("acts of super-admins are found, and say why", () => {
  assert.equal(searchOf("looks", "actor:admin"), "actor:admin type:platform.data_read");
  assert.ok(searchOf("changes", "actor:admin").includes("-type:platform.data_read"));
  const record = (payload: unknown) => ({ payload }) as AuditRecord;
  assert.equal(reasonOf(record({ reason: "abuse", note: "ticket 7" })), "ticket 7");
  assert.equal(reasonOf(record({ reason: "abuse", note: "" })), "abuse");
  assert.equal(reasonOf(record(null)), "");
  assert.equal(reasonOf(record({ reason: 7 })), "");
});
