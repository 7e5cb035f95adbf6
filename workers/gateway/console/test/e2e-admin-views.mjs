// What super-admins find and see, in a real Chromium: tests/e2e/test_admin_views.py makes the stack and what there is.
import { readFileSync } from "node:fs";
import { adminLogin, at, axe, check, errors, everywhere, open, picture, run, settle, shows, text, told, violations } from "./browser.mjs";

const tenant = (tab) => `/console/tenants/${told.tenant}?tab=${tab}`;
const views = [
  [tenant("usage"), "tenant-usage", ["API calls", "At this pace", "Clients", "What there is"]],
  [tenant("people"), "tenant-people", [told.owner, told.invited, "Second factor", "Invited", "Removed"]],
  [tenant("keys"), "tenant-keys", ["Nightly", "clients:read", "from one network", "never"]],
  ["/console/health", "health", ["Database", "Processes", "tenantry", "Workers", "notification", "Oldest event to publish", "on time"]],
  [`/console/stripe?q=${told.paid}`, "stripe-search", ["invoice.paid", told.paid, "Taken"]],
];

await run(async () => {
  const admin = await open("light");
  await adminLogin(admin);
  for (const [path, name, wanted] of views) {
    await at(admin, path, name, wanted);
    await everywhere(admin, name);
  }

  // ---- tenants: found by what is known, in an order, as a file
  const search = admin.locator("[data-search]");
  for (const [what, words] of [["an owner's address", told.owner], ["the company's address", told.office], ["a customer at Stripe", told.customer], ["a domain", told.domain]]) {
    await at(admin, "/console/tenants", "tenants", []);
    await admin.keyboard.press("/");
    await admin.keyboard.type(words);
    check(`a tenant is found by ${what}`, await admin.waitForFunction((id) => document.querySelectorAll("tbody tr").length === 1 && document.querySelector(`tr[data-row="${id}"]`), told.tenant, { timeout: 10_000 }).then(() => true, () => false), await text(admin));
  }
  const rows = () => admin.locator("tbody tr").evaluateAll((all) => all.map((row) => row.dataset.row));
  const sorted = () => admin.locator("thead th[aria-sort=ascending], thead th[aria-sort=descending]").allInnerTexts();
  await at(admin, `/console/tenants?q=${encodeURIComponent(told.lot)}`, "three tenants", [told.lot]);
  const newest = await rows();
  check("newest first, and the head says so", newest.length === 3 && newest[0] === told.lotIds[2] && (await sorted()).join().startsWith("Signed up"), `${newest} ${await sorted()}`);
  await admin.getByRole("link", { name: "Company", exact: true }).focus();
  await admin.keyboard.press("Enter");
  await admin.waitForURL("**sort=company_name*");
  check("sorted by name, by the keyboard", await admin.waitForFunction((first) => document.querySelector("tbody tr")?.dataset.row === first, told.lotIds[0], { timeout: 10_000 }).then(() => true, () => false), (await rows()).join());
  check("the head says so", (await admin.locator("th", { hasText: "Company" }).getAttribute("aria-sort")) === "ascending");
  await admin.getByRole("link", { name: /^Company/ }).focus();
  await admin.keyboard.press("Enter");
  await admin.waitForURL("**sort=-company_name*");
  check("and the other way round", await admin.waitForFunction((first) => document.querySelector("tbody tr")?.dataset.row === first, told.lotIds[2], { timeout: 10_000 }).then(() => true, () => false));
  await admin.reload();
  await settle(admin);
  check("reloading restores the order and the search", (await rows()).join() === [...told.lotIds].reverse().join() && (await search.inputValue()) === told.lot, (await rows()).join());
  await axe(admin, "tenants in an order");
  await picture(admin, "tenants-sorted");
  const [download] = await Promise.all([admin.waitForEvent("download"), admin.getByRole("link", { name: "CSV" }).click()]);
  const lines = readFileSync(await download.path(), "utf8").trimEnd().split("\r\n");
  check("the file holds the rows that show, in their order", lines.slice(1).map((line) => line.split(",")[0]).join() === (await rows()).join() && download.suggestedFilename() === "tenants.csv", lines.join("|"));
  await admin.goBack();
  await admin.waitForURL("**sort=company_name*");
  check("going back restores the order before", await admin.waitForFunction((first) => document.querySelector("tbody tr")?.dataset.row === first, told.lotIds[0], { timeout: 10_000 }).then(() => true, () => false));

  // ---- a tenant's usage is what the API says
  await at(admin, tenant("usage"), "usage", []);
  const usage = await admin.evaluate(async (id) => (await fetch(`/v1/admin/tenants/${id}/usage`)).json(), told.tenant);
  const calls = usage.metrics.find((one) => one.metric === "api_calls");
  check("the curve says in words where it leads", /API calls: [\d,]+ so far, [\d,]+ at the end of the period at this pace, of [\d,]+/.test(await admin.locator("[data-metric=api_calls] svg").getAttribute("aria-label")), await admin.locator("[data-metric=api_calls]").innerHTML());
  check("and draws the limit and the way ahead", (await admin.locator("[data-metric=api_calls] svg line").count()) === (calls.limit < 0 ? 0 : 2) && (await admin.locator("[data-metric=api_calls] .goes").count()) === 1);
  check("what does not begin anew is not foreseen", (await admin.locator("[data-metric=clients] .hint").count()) === 0);

  // ---- what Stripe sent
  await at(admin, `/console/stripe?q=${told.tenant}`, "the Stripe inbox", [told.paid]);
  await admin.locator("tbody tr button.row-link").first().click();
  await admin.getByText("is put on record").waitFor();
  check("what Stripe sent is hidden at first", (await admin.locator("[data-body]").count()) === 0 && !(await admin.locator("main").innerText()).includes("amount_paid"));
  await admin.getByRole("button", { name: "Reveal what Stripe sent" }).click();
  check("and shown when somebody decides so", await admin.locator("[data-body] pre", { hasText: "amount_paid" }).waitFor({ timeout: 10_000 }).then(() => true, () => false), await text(admin));
  await axe(admin, "what Stripe sent");
  await picture(admin, "stripe-body");
  await at(admin, "/console/stripe", "the Stripe inbox", []);
  await admin.keyboard.press("/");
  await admin.keyboard.type("invoice.pa");
  await admin.waitForURL("**q=invoice.pa*");
  check("a type is found by how it begins, in whatever state", await shows(admin, told.paid), await text(admin));

  // ---- how many over time: of all that is found, not of the rows that show
  await at(admin, `/console/audit?q=${encodeURIComponent(`tenant:${told.tenant}`)}`, "the audit explorer", []);
  const all = await admin.locator("[data-total]").getAttribute("data-total", { timeout: 20_000 }).then(Number);
  const shown = await admin.locator("tbody tr").count();
  check("the columns are of all records, more than show", all > shown && all >= told.records && shown === 50, `${all} of ${told.records}, ${shown} shown`);
  const density = await admin.locator(".density svg").boundingBox();
  await admin.mouse.move(density.x + density.width * 0.3, density.y + 20);
  await admin.mouse.down();
  await admin.mouse.move(density.x + density.width * 0.6, density.y + 20);
  await admin.mouse.up();
  await admin.waitForURL("**from%3A*");
  await admin.waitForFunction((before) => { const now = document.querySelector("[data-total]"); return now && Number(now.dataset.total) < before; }, all, { timeout: 20_000 });
  check("a part of them is chosen, as terms of the search", /tenant:\S+ from:\S+Z to:\S+Z$/.test(await search.inputValue()), admin.url());
  await axe(admin, "the audit explorer with a time chosen");
  await picture(admin, "audit-time");

  // ---- rates
  await at(admin, `/console/queues?q=${told.tenant}.`, "queues with rates", ["Come", "Go out", "Settled"]);
  check("a queue has its rates beside what waits", (await admin.locator(`tr[data-row="tenant-${told.tenant} ${told.tenant}.audit"] td.number`).count()) === 7);
  await everywhere(admin, "queues-rates");

  check("the content security policy kept nothing of ours from running", violations.length === 0, violations.join("\n"));
  check("no script failed", errors.length === 0, errors.join("\n"));
});
