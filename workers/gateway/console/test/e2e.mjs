// The console in a real Chromium: what each view shows and does, what is refused. tests/e2e/test_console.py makes the stack.
import { createServer } from "node:http";
import { readFileSync } from "node:fs";
import { adminLogin, at, axe, beginLogin, check, errors, everywhere, isInside, logIn, logOut, oathtool, open, picture, run, settle, told, violations } from "./browser.mjs";

const ownerLogin = (page) => logIn(page, told.tenant, told.owner);

const adminViews = [
  ["/console", "overview", ["Overview", "Needs attention", "Dead letters", "Message broker", "PROFESSIONAL"]],
  ["/console/tenants", "tenants", ["Tenants", told.company, told.tenant]],
  ["/console/analytics", "analytics-admin", ["Revenue", "Monthly recurring revenue by plan", "Churn", "Cohorts", "Show me the query"]],
  ["/console/availability", "availability-admin", ["Served", "promised: 99.95%", "Error budget left"]],
  [`/console/tenants/${told.tenant}`, "tenant", [told.company, "Timeline", "What happens next", "Nothing is due"]],
  [`/console/tenants/${told.tenant}?tab=resources`, "tenant-resources", ["Step", "broker_vhost"]],
  [`/console/tenants/${told.tenant}?tab=billing`, "tenant-billing", ["What Stripe has said", "Paid", "Suspended on day", "€149"]],
  [`/console/tenants/${told.tenant}?tab=limits`, "tenant-limits", ["users_max"]],
  [`/console/tenants/${told.tenant}?tab=analytics`, "tenant-analytics", ["Activity", "API use", "Users", "Show me the query"]],
  [`/console/tenants/${told.tenant}?tab=availability`, "tenant-availability", ["Served", "Error budget left", "Kept"]],
  [`/console/tenants/${told.tenant}?tab=flags`, "tenant-flags", [`new_invoices_${told.run}`]],
  ["/console/flags", "flags", ["The new page of invoices", "25 %"]],
  [`/console/queues?q=${told.tenant}.`, "queues", ["Queues", `${told.tenant}.billing`, `tenant-${told.tenant}`, "Consumers"]],
  ["/console/dead-letters", "dead-letters", ["Dead letters", "billing", "Refused"]],
  ["/console/stripe", "stripe", ["invoice.paid", "Parked"]],
  ["/console/audit", "audit-admin", ["Audit log", "user.logged_in"]],
  ["/console/proofs", "proofs-admin", ["Proof or evidence", "Whose log"]],
  [`/console/proofs?tenant=${told.tenant}&sequence=2`, "proofs-admin-holds", ["It holds", "The root is the signed one"]],
  ["/console/proofs?tenant=platform&sequence=0", "proofs-platform", ["It holds"]],
  ["/console/tail?q=type:nothing.of_all", "tail-admin", ["Live tail", "Waiting for the next record"]],
  ["/console/acts", "acts", ["Who did what", "Looks", "The platform's token"]],
  ["/console/account", "account-of-a-token", ["The platform's token has no account"]],
];
const tenantViews = [
  ["/console", "home", ["Hello Marie", "Get started", "This month"]],
  ["/console/usage", "usage", ["Usage", "API calls"]],
  ["/console/analytics", "analytics", ["Activity", "API use", "Users", "Show me the query"]],
  ["/console/availability", "availability", ["Served", "promised: 99.95%", "Error budget left"]],
  ["/console/settings", "settings", ["Time zone", "Sender's name"]],
  ["/console/users", "users", [told.owner, told.invited, "Seats"]],
  ["/console/roles?matrix=1", "roles", ["owner", "Matrix of permissions", "everything"]],
  ["/console/keys", "keys", ["Nightly import"]],
  ["/console/broker", "broker", ["amqp://", `tenant-${told.tenant}`, "No queues yet"]],
  ["/console/domain", "domain", ["No domain yet"]],
  ["/console/plan", "plan", ["Your plan", "PROFESSIONAL", "Change plan"]],
  ["/console/invoices", "invoices", ["Invoices"]],
  ["/console/audit", "audit", ["client.created", "client.updated"]],
  ["/console/tail?q=type:nothing.of_all", "tail", ["Live tail", "Waiting for the next record"]],
  ["/console/proofs", "proofs", ["Proof or evidence"]],
  ["/console/account", "account", ["My sessions", "This one"]],
  ["/docs?q=createClient", "docs", ["/v1/clients", "As a command"]],
  ["/docs/events?q=payment", "docs-events", ["payment.failed"]],
];
const outViews = [
  ["/login", "login", ["Welcome back", "Forgotten your password?"]],
  ["/login?as=admin", "login-admin", ["For who runs the platform", "Begin by the platform's token"]],
  ["/login?as=token", "login-token", ["Super-admin's token"]],
  ["/signup", "signup", ["Start your trial", "Professional", "Free"]],
  [`/invitation#t=${told.invitation}`, "invitation", [told.invited, "Accept"]],
  ["/reset-password", "reset-password", ["The link is incomplete"]],
  ["/confirm-email", "confirm-email", ["The link is incomplete"]],
  ["/undo-email#t=unknown", "undo-email", ["Take the change back"]],
];

// ---- views, in both themes and both languages

async function tour(page, views, begins) {
  for (const [path, name, wanted] of views) {
    await at(page, path, name, wanted);
    await everywhere(page, name, begins);
  }
}

// What a chart shows is what the API says, to the eye, to who does not see it, as a file; the query is the one that ran. By
// the keyboard alone.
async function charts(page, path, asked, title) {
  await at(page, path, title, [title]);
  const answer = await page.evaluate(async (asked) => (await fetch(asked)).json(), asked);
  const card = page.locator("section.card", { has: page.getByRole("heading", { name: title, exact: true }) });
  const drawn = await card.locator("svg rect").count();
  const amounts = answer.rows.flatMap((row) => answer.columns.filter((one) => ["count", "money"].includes(one.kind) && one.name !== "tenants").map((one) => row[one.name])).filter((value) => value > 0);
  check(`“${title}” has a column for each figure`, drawn > 0 && drawn === amounts.length, `${drawn} of ${JSON.stringify(answer.rows)}`);
  check(`“${title}” says in words what it shows`, /\d/.test(await card.locator("svg").first().getAttribute("aria-label")));
  await card.locator("summary", { hasText: "As a table" }).focus();
  await page.keyboard.press("Enter");
  check(`“${title}” is a table of as many rows`, (await card.locator("tbody tr").count()) === answer.rows.length, answer.rows.length);
  await card.locator("summary", { hasText: "Show me the query" }).focus();
  await page.keyboard.press("Enter");
  check(`the query of “${title}” is the one that ran`, (await card.locator("[data-sql]").innerText()) === answer.sql && answer.sql.includes("FROM analytics."));
  await axe(page, `“${title}” with its table and its query`);
  await picture(page, `chart-${answer.chart}`);
  const [download] = await Promise.all([page.waitForEvent("download"), card.getByRole("link", { name: "CSV" }).click()]);
  const lines = readFileSync(await download.path(), "utf8").trimEnd().split("\r\n");
  check(`the file of “${title}” has its rows`, lines.length === answer.rows.length + 1 && lines[0] === answer.columns.map((one) => one.name).join(","), lines.join("|"));
}

await run(async () => {
  // ---- who is not logged in
  const out = await open("light");
  await out.goto(`${told.url}/console/tenants?status=trial`);
  await out.waitForURL("**/login?next=*");
  check("who is not logged in is led to the login, and back from there", out.url().includes(encodeURIComponent("/console/tenants?status=trial")));
  await tour(out, outViews, "light");
  await at(out, "/signup", "signup", ["Starter"]);
  await out.locator("input[name=company_name]").fill(`Nouvelle ${told.run}`);
  check("signup says whether a name is free", await out.getByText(`nouvelle-${told.run}`).waitFor({ timeout: 8000 }).then(() => true, () => false));
  await out.locator("input[name=admin_email]").fill(told.owner);
  check("signup says that an address is taken", await out.getByText("has an account already").waitFor({ timeout: 8000 }).then(() => true, () => false));
  await out.goto(`${told.url}/login`);
  await settle(out);
  await out.locator("input[name=username]").fill(told.owner);
  await out.locator("input[name=password]").fill("wrong-password-entirely");
  await out.locator("form button[type=submit]").click();
  check("a wrong password is told as such", await out.getByText("The e-mail address or the password is wrong.").waitFor({ timeout: 8000 }).then(() => true, () => false));
  await out.setViewportSize({ width: 320, height: 640 });
  await out.goto(`${told.url}/login`);
  await settle(out);
  check("the login fits 320 pixels", await out.evaluate(() => document.documentElement.scrollWidth <= 320));
  await picture(out, "login-narrow");

  // ---- the super-admin
  const admin = await open("light");
  await adminLogin(admin);
  const cookies = await admin.context().cookies();
  const cookie = cookies.find((one) => one.name === "__Host-tenantry");
  check("the cookie is Secure, HttpOnly, SameSite=Strict, of the host alone", cookie?.secure && cookie.httpOnly && cookie.sameSite === "Strict" && cookie.path === "/" && cookie.domain === "localhost", JSON.stringify(cookies));
  check("script does not see it", (await admin.evaluate(() => document.cookie)) === "");
  await tour(admin, adminViews, "light");

  await at(admin, `/console/tenants?q=${told.hostile}`, "a hostile name", [told.hostile]);
  const shown = await admin.locator("tbody tr").first().innerText();
  check("a hostile name is text, and what turns text around is shown as a mark", shown.includes("<img src=x onerror=alert(1)>") && shown.includes("⟦RLO⟧") && (await admin.locator("main img").count()) === 0, shown);
  await at(admin, `/console/tenants/${told.hostile}`, "a hostile tenant", [told.hostile]);
  check("its page holds no markup of it", (await admin.locator("img").count()) === 0);
  await picture(admin, "hostile");

  await at(admin, `/console/tenants?q=${told.alike}`, "a name that looks like another", ["Looks like another"]);
  await at(admin, `/console/tenants/${told.alike}`, "its page", ["may be taken for"]);
  await admin.locator("main").getByRole("link", { name: told.lotHeld }).click();
  await admin.waitForURL(`**/console/tenants/${told.lotHeld}`);
  check("and leads to the other", true);

  await at(admin, "/console/tenants", "tenants", []);
  await admin.keyboard.press("/");
  await admin.keyboard.type(told.tenant);
  await admin.waitForURL(`**/console/tenants?q=${told.tenant}`);
  await admin.waitForFunction(() => document.querySelectorAll("tbody tr").length === 1);
  await admin.locator("h1").click();
  await admin.keyboard.press("j");
  await admin.keyboard.press("Enter");
  await admin.waitForURL(`**/console/tenants/${told.tenant}`);
  check("a tenant is found and opened by the keyboard alone", true);
  await admin.goBack();
  await settle(admin);
  check("going back restores the search", (await admin.locator("[data-search]").inputValue()) === told.tenant);
  await admin.keyboard.press("Control+k");
  await admin.getByRole("combobox").fill(told.tenant);
  await admin.getByRole("option").filter({ hasText: `· ${told.tenant}` }).first().waitFor();
  await axe(admin, "the palette");
  await picture(admin, "palette");
  await admin.keyboard.press("Enter");
  await admin.waitForURL(`**/console/tenants/${told.tenant}`);
  check("the palette leads to a tenant", true);
  await settle(admin);

  await admin.getByRole("button", { name: "Suspend…" }).click();
  await admin.getByText("loses access at once").waitFor();
  await axe(admin, "the dialog of an act");
  await picture(admin, "act");
  check("nothing is done without a reason", await admin.getByRole("button", { name: "Suspend", exact: true }).isDisabled());
  await admin.getByLabel("Reason").fill("seen in a test");
  await admin.getByRole("button", { name: "Suspend", exact: true }).click();
  check("a tenant is suspended, and shows so", await admin.locator(".page-head .chip", { hasText: "Suspended" }).waitFor({ timeout: 15000 }).then(() => true, () => false));
  await admin.getByRole("button", { name: "Reactivate…" }).click();
  await admin.getByLabel("Reason").fill("and back");
  await admin.getByRole("button", { name: "Reactivate", exact: true }).click();
  check("and reactivated", await admin.locator(".page-head .chip", { hasText: "Active" }).waitFor({ timeout: 15000 }).then(() => true, () => false));

  // ---- several tenants at once, by the keyboard
  const lot = `/console/tenants?q=${encodeURIComponent(told.lot)}`;
  await at(admin, lot, "three tenants", [told.lot]);
  await admin.locator("h1").click();
  for (let i = 0; i < 3; ++i) {
    await admin.keyboard.press("j");
    await admin.keyboard.press("x");
  }
  check("rows are selected by x", await admin.getByText("3 tenants selected").first().waitFor({ timeout: 5000 }).then(() => true, () => false));
  await admin.getByRole("button", { name: "Suspend…" }).click();
  await admin.getByText("2 tenants change").waitFor();
  check("a preview says who stays as it is, and why", (await admin.locator("dialog tbody tr", { hasText: told.lotHeld }).innerText()).includes("An admin has suspended it already"));
  await axe(admin, "the preview of an act on several");
  await picture(admin, "bulk-preview");
  const suspendAll = admin.locator("dialog").getByRole("button", { name: "Suspend", exact: true });
  await admin.getByLabel("Reason").fill("seen in a test of several");
  check("several are not changed before their number is typed", await suspendAll.isDisabled());
  await admin.getByLabel("Type 2 to confirm").fill("2");
  await suspendAll.click();
  check("both are changed", await admin.getByText("2 tenants were changed, 0 refused, 0 left").waitFor({ timeout: 15000 }).then(() => true, () => false));
  await axe(admin, "the outcome of an act on several");
  await picture(admin, "bulk-outcome");
  await admin.locator("dialog").getByRole("button", { name: "Close" }).last().click();
  await admin.waitForFunction(() => [...document.querySelectorAll("tbody tr")].every((row) => row.textContent.includes("Suspended")));
  check("and the list shows it", true);
  await admin.getByLabel("Select all that are shown").check();
  await admin.getByRole("button", { name: "Reactivate…" }).click();
  await admin.getByText("3 tenants change").waitFor();
  await admin.getByLabel("Reason").fill("and back");
  await admin.getByLabel("Type 3 to confirm").fill("3");
  let release;
  const held = new Promise((done) => (release = done));
  let asked = 0;
  await admin.route("**/reactivate", async (route) => { ++asked; await held; await route.continue(); });
  await admin.locator("dialog").getByRole("button", { name: "Reactivate", exact: true }).click();
  await admin.getByRole("button", { name: "Stop" }).click();
  release();
  check("an act on several is stopped between two", await admin.getByText("One tenant was changed, 0 refused, 2 left").waitFor({ timeout: 15000 }).then(() => true, () => false) && asked === 1, asked);
  await admin.unroute("**/reactivate");
  await admin.locator("dialog").getByRole("button", { name: "Close" }).last().click();
  const records = await admin.evaluate(async (q) => (await (await fetch(`/v1/admin/audit?q=${encodeURIComponent(q)}`)).json()).records.map((one) => JSON.stringify(one)), "type:tenant.suspended");
  check("each is on record with its reason", records.filter((one) => one.includes("seen in a test of several")).length === 2, records);

  // ---- a view that is named
  await at(admin, `${lot}&status=suspended`, "a search", [told.lot]);
  await admin.getByRole("button", { name: "Save this view" }).click();
  await axe(admin, "the dialog that names a view");
  await admin.locator("dialog").getByLabel("Name").fill("Lot en pause");
  await admin.keyboard.press("Enter");
  await admin.getByRole("link", { name: "Lot en pause" }).waitFor();
  await at(admin, "/console/tenants", "tenants", ["Lot en pause"]);
  await admin.getByRole("link", { name: "Lot en pause" }).click();
  await admin.waitForFunction(() => new URL(location.href).searchParams.get("status") === "suspended" && document.querySelector("[data-search]").value !== "");
  check("a view that was named is back with its search and its filter", (await admin.locator("[data-search]").inputValue()) === told.lot);
  await axe(admin, "tenants with saved views");
  await picture(admin, "saved-views");
  const another = await open("light");
  await adminLogin(another, "Hedy Lamarr");
  await at(another, "/console/tenants", "tenants of another", []);
  check("and is nobody else's", (await another.getByText("Lot en pause").count()) === 0);
  await another.context().close();
  await admin.getByRole("button", { name: "Remove the view “Lot en pause”" }).click();
  check("a view is forgotten", await admin.getByRole("link", { name: "Lot en pause" }).waitFor({ state: "detached", timeout: 8000 }).then(() => true, () => false));

  await at(admin, "/console/dead-letters", "dead letters", []);
  await admin.locator("tbody tr", { hasText: "billing" }).first().locator("button.row-link").click();
  await admin.getByRole("group", { name: "Messages of the group" }).locator("tbody tr").first().locator("button.row-link").click();
  await admin.getByText("put on record").waitFor();
  check("what a letter holds is hidden at first", !(await admin.locator("main").innerText()).includes("in-the-letter"));
  await admin.getByRole("button", { name: "Reveal the message" }).click();
  await admin.locator(".detail h3", { hasText: "Message" }).waitFor();
  check("and shown when somebody decides so", (await admin.locator(".detail").innerText()).includes("in-the-letter"), await admin.locator(".detail").innerText());
  await axe(admin, "a dead letter");
  await picture(admin, "dead-letter");
  await admin.locator("tbody tr", { hasText: "billing" }).first().getByRole("button", { name: "Drop…" }).click();
  await admin.getByRole("button", { name: "Dry run" }).click();
  await admin.getByText("3 messages would be touched").waitFor();
  await admin.getByLabel("Reason").fill("made for a test");
  await admin.getByRole("button", { name: "Drop", exact: true }).click();
  check("a group is dropped with a reason", await admin.getByText("3 messages done").waitFor({ timeout: 10000 }).then(() => true, () => false));

  await at(admin, "/console/stripe", "the Stripe inbox", []);
  await admin.locator("tbody tr button.row-link").first().click();
  await admin.locator(".detail").getByRole("button", { name: "Drop…" }).click();
  await admin.getByLabel("Reason").fill("nobody's");
  await admin.getByRole("button", { name: "Drop", exact: true }).click();
  check("a parked event is dropped", await admin.locator(".detail").waitFor({ state: "detached", timeout: 10000 }).then(() => true, () => false));

  await at(admin, `/console/audit?q=${encodeURIComponent(`tenant:${told.tenant} type:client.updated`)}`, "the audit explorer", ["client.updated"]);
  await admin.locator("tbody tr button.row-link").first().click();
  await admin.getByText("What changed").waitFor();
  check("a change shows as old and new", (await admin.locator(".diff .new").first().innerText()).includes("Renamed"));
  await axe(admin, "a record");
  await picture(admin, "audit-record");
  check("what is open stands in the address", admin.url().includes("record="));
  await admin.getByRole("button", { name: "What led to what" }).click();
  await admin.locator(".detail .timeline li").first().waitFor();
  await admin.reload();
  check("and reloading restores it", await admin.locator(".detail").waitFor({ timeout: 10000 }).then(() => true, () => false));
  await admin.goto(`${told.url}/console/audit?q=${encodeURIComponent("colour:red")}`);
  check("a search that breaks the grammar is told where", await admin.getByText("is no key").first().waitFor({ timeout: 8000 }).then(() => true, () => false));
  await picture(admin, "audit-error");
  await at(admin, `/console/audit?q=${encodeURIComponent(`tenant:${told.tenant} type:client.created`)}`, "the audit explorer", []);
  await admin.getByRole("button", { name: "Export" }).click();
  const [download] = await Promise.all([admin.waitForEvent("download"), admin.getByRole("link", { name: "JSON lines" }).click()]);
  const lines = readFileSync(await download.path(), "utf8").trim().split("\n").map((line) => JSON.parse(line));
  check("the export is exactly what is shown", lines.length === 12 && lines.every((line) => line.type === "client.created" && line.tenant_id === told.tenant), lines.length);

  await at(admin, "/console/queues", "queues", []);
  await admin.keyboard.press("/");
  await admin.keyboard.type(`${told.tenant}.billing`);
  await admin.waitForURL("**/console/queues?q=*");
  await admin.waitForFunction(() => document.querySelectorAll("tbody tr").length === 1);
  const numbers = await admin.locator("tbody tr td.number").allInnerTexts();
  check("a queue shows who reads it and what of it was set aside", Number(numbers[2]) >= 1 && numbers[3].trim() === "0", numbers);

  // ---- live
  const owner = await open("dark");
  await ownerLogin(owner);
  await at(admin, `/console/tail?q=${encodeURIComponent(`tenant:${told.tenant} type:client.created`)}`, "live tail", ["Live tail"]);
  await admin.getByText("Following").waitFor();
  const made = await owner.evaluate(async () => (await fetch("/v1/clients", { method: "POST", headers: { "Content-Type": "application/json", "X-Tenantry": "1" }, body: JSON.stringify({ name: "Live client" }) })).status);
  check("a member's page may write by its cookie", made === 201, made);
  check("what is written shows in the live tail", await admin.locator("tbody tr", { hasText: "client.created" }).first().waitFor({ timeout: 15000 }).then(() => true, () => false));
  const second = await admin.context().newPage();
  const streams = [];
  second.on("request", (request) => request.url().includes("/audit/tail") && streams.push(request.url()));
  await second.goto(admin.url());
  await second.getByText("Following").waitFor();
  check("a second tab shares the stream", streams.length === 0, streams);
  await second.close();
  await axe(admin, "live tail");
  await picture(admin, "tail-light");

  // ---- a tenant's people
  await tour(owner, tenantViews, "dark");
  await charts(owner, "/console/analytics", "/v1/analytics/activity?period=day&count=30", "Activity");
  await charts(admin, "/console/analytics", "/v1/admin/analytics/mrr?period=month&count=12", "Monthly recurring revenue by plan");
  await at(owner, "/console/proofs?sequence=3", "proofs", ["It holds"]);
  await axe(owner, "a proof that holds");
  await picture(owner, "proof-holds");
  await owner.route("**/v1/audit/proof*", async (route) => {
    const response = await route.fetch();
    const proof = await response.json();
    proof.leaf = proof.leaf.replace(/"outcome":"\w+"/, '"outcome":"altered"');
    await route.fulfill({ response, json: proof });
  });
  await at(owner, "/console/proofs?sequence=4", "a tampered record", ["It does not hold"]);
  check("a tampered record is red", (await owner.locator("[data-verdict=bad]").count()) === 1 && (await owner.locator(".proof-steps li.bad").count()) === 1);
  await axe(owner, "a proof that does not hold");
  await picture(owner, "proof-fails");
  await owner.unroute("**/v1/audit/proof*");
  const whole = await owner.evaluate(async () => {
    const head = await (await fetch("/v1/audit/checkpoint")).text();
    return (await fetch(`/v1/audit/evidence?from=0&to=${head.split("\n")[1]}`)).text();
  });
  await at(owner, "/console/proofs", "proofs", []);
  await owner.locator("textarea[name=document]").fill(whole);
  await owner.getByRole("button", { name: "Verify", exact: true }).click();
  check("evidence that was handed over holds", await owner.locator("[data-verdict=good]").waitFor({ timeout: 15000 }).then(() => true, () => false));
  await owner.locator("textarea[name=document]").fill(whole.split("\n").filter((_, i) => i !== 5).join("\n"));
  await owner.getByRole("button", { name: "Verify", exact: true }).click();
  check("evidence that lacks a record is red", await owner.locator("[data-verdict=bad]").waitFor({ timeout: 15000 }).then(() => true, () => false));

  await at(owner, "/console/users", "users", []);
  await owner.getByRole("button", { name: "Invite somebody" }).click();
  await owner.getByLabel("E-mail address").fill(`second.${told.run}@e2e.example`);
  await axe(owner, "the dialog of an invitation");
  await picture(owner, "invite");
  await owner.getByRole("button", { name: "Send the invitation" }).click();
  check("somebody is invited", await owner.getByText(`second.${told.run}@e2e.example`).first().waitFor({ timeout: 10000 }).then(() => true, () => false));
  await at(owner, "/console/keys", "keys", []);
  await owner.getByRole("button", { name: "New key" }).click();
  await owner.locator("dialog").getByLabel("Name").fill("From the console");
  await owner.locator("dialog").getByRole("checkbox").first().check();
  await owner.getByRole("button", { name: "Make the key" }).click();
  check("a key is made and shown once", await owner.locator(".secret", { hasText: "tnk_" }).waitFor({ timeout: 10000 }).then(() => true, () => false));
  await picture(owner, "key-made");
  await at(owner, "/console/settings", "settings", []);
  await owner.getByLabel("Name shown").fill("Durand & Filles");
  await owner.getByRole("button", { name: "Save" }).click();
  check("settings are saved", await owner.getByText("Saved").waitFor({ timeout: 10000 }).then(() => true, () => false));
  check("a tenant's page of the super-admins is none of a member's", await owner.goto(`${told.url}/console/tenants`).then(async () => { await settle(owner); return (await owner.locator("main").innerText()).includes("There is no such page"); }));
  check("and the server refuses what the page does not show", (await owner.evaluate(async () => (await fetch("/v1/admin/tenants")).status)) === 403);

  // ---- second factors
  const careful = await open("light");
  await beginLogin(careful, told.careful, told.carefulOwner);
  await isInside(careful);
  const authenticator = await careful.context().newCDPSession(careful);
  await authenticator.send("WebAuthn.enable");
  await authenticator.send("WebAuthn.addVirtualAuthenticator", { options: { protocol: "ctap2", transport: "internal", hasResidentKey: true, hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true } });
  await at(careful, "/console/account", "an account without a second factor", ["Second factor", "None yet"]);
  await careful.getByRole("button", { name: "Set up an app" }).click();
  const secret = await careful.locator("[data-secret]").innerText();
  await careful.locator("input[name=totp]").fill(oathtool(secret));
  await careful.getByRole("button", { name: "Confirm", exact: true }).click();
  const codes = (await careful.locator("pre.codes").innerText()).trim().split("\n");
  check("an app is set up, and ten recovery codes are shown", codes.length === 10, codes.length);
  await axe(careful, "the recovery codes");
  await picture(careful, "second-factor");
  await careful.getByRole("button", { name: "I have kept them" }).click();
  await careful.getByRole("button", { name: "Add a passkey" }).click();
  await careful.locator("input[name=passkey]").fill("This laptop");
  await careful.locator("form").getByRole("button", { name: "Add a passkey" }).click();
  check("a passkey is made", await careful.getByText("never used").waitFor({ timeout: 10000 }).then(() => true, () => false));
  await logOut(careful);
  await beginLogin(careful, told.careful, told.carefulOwner);
  await careful.locator("input[name=one-time-code]").fill("000000");
  await careful.getByRole("button", { name: "Go on" }).click();
  check("a wrong code is told as such", await careful.getByText("The code is wrong").waitFor({ timeout: 10000 }).then(() => true, () => false));
  await axe(careful, "the login's second step");
  await picture(careful, "login-factor");
  await careful.locator("input[name=one-time-code]").fill(oathtool(secret, 30));  // the one before was used to set it up
  await careful.getByRole("button", { name: "Go on" }).click();
  await isInside(careful);
  check("a code of the app lets in", true);
  await logOut(careful);
  await beginLogin(careful, told.careful, told.carefulOwner);
  await careful.getByRole("button", { name: "Use a passkey" }).click();
  await isInside(careful);
  check("a passkey lets in", true);
  await logOut(careful);
  await beginLogin(careful, told.careful, told.carefulOwner);
  await careful.getByRole("button", { name: "The device is lost: use a recovery code" }).click();
  await careful.locator("input[name=one-time-code]").fill(codes[0]);
  await careful.getByRole("button", { name: "Go on" }).click();
  await isInside(careful);
  await at(careful, "/console/account", "an account with second factors", ["This laptop", "9 are left"]);
  check("a recovery code lets in, once", true);

  // ---- an invitation is accepted
  const guest = await open("light");
  await at(guest, `/invitation#t=${told.invitation}`, "invitation", [told.company]);
  await guest.getByLabel("First name").fill("Paul");
  await guest.getByLabel("Last name").fill("Petit");
  await guest.getByLabel("Choose a password").fill("Un-Croissant-Bien-Chaud-17");
  await guest.getByLabel("I accept the terms").check();
  await guest.getByRole("button", { name: "Accept" }).click();
  check("who is invited joins and is in", await guest.getByText("Hello Paul").waitFor({ timeout: 15000 }).then(() => true, () => false));
  check("a viewer's menu has what a viewer may", (await guest.locator(".menu a", { hasText: "API keys" }).count()) === 0 && (await guest.locator(".menu a", { hasText: "Usage" }).count()) <= 1);
  await guest.goto(`${told.url}/console/keys`);
  check("and what is not a viewer's says so", await guest.getByText("You may not see this").waitFor({ timeout: 8000 }).then(() => true, () => false));
  await axe(guest, "a page that is not one's own");
  await picture(guest, "denied");

  // ---- and by who has an account, with a second factor
  const known = await open("light");
  await at(known, `/invitation#t=${told.carefulInvitation}`, "a known person's invitation", [told.company, "Your password"]);
  await known.getByLabel("Your password").fill(told.password);
  await known.getByRole("button", { name: "Accept" }).click();
  check("a second factor is asked for", await known.getByText("Show your second factor to join").waitFor({ timeout: 15000 }).then(() => true, () => false));
  await axe(known, "an invitation's second step");
  await known.getByRole("button", { name: "The device is lost: use a recovery code" }).click();
  await known.locator("input[name=one-time-code]").fill("AAAAA-AAAAA");
  await known.getByRole("button", { name: "Go on" }).click();
  check("without it nobody joins", await known.getByText("The code is wrong").waitFor({ timeout: 10000 }).then(() => true, () => false));
  await known.locator("input[name=one-time-code]").fill(codes[1]);
  await known.getByRole("button", { name: "Go on" }).click();
  await isInside(known);
  check("who shows it is in the company that invited", (await known.evaluate(async () => (await (await fetch("/v1/me")).json()).tenant.tenant_id)) === told.tenant);

  // ---- what other sites and other headers get
  const evil = createServer((request, response) => response.writeHead(200, { "Content-Type": "text/html" }).end("<!doctype html><title>elsewhere</title>"));
  await new Promise((done) => evil.listen(0, "127.0.0.1", done));
  const elsewhere = await owner.context().newPage();
  await elsewhere.goto(`http://localhost:${evil.address().port}/`);
  const before = await owner.evaluate(async () => (await (await fetch("/v1/clients?limit=100")).json()).clients.length);
  await elsewhere.evaluate((url) => fetch(`${url}/v1/clients`, { method: "POST", mode: "no-cors", credentials: "include", headers: { "Content-Type": "text/plain" }, body: '{"name":"forged"}' }).catch(() => undefined), told.url);
  const seen = [];
  elsewhere.on("response", (response) => seen.push(response.status()));
  // Without a body there is no content type to stumble over: here the cookie alone would have done it.
  await elsewhere.evaluate((url) => fetch(`${url}/auth/logout`, { method: "POST", mode: "no-cors", credentials: "include" }).catch(() => undefined), told.url);
  const posted = elsewhere.waitForResponse((response) => response.url().endsWith("/v1/clients"));
  await elsewhere.evaluate((url) => {
    const form = document.createElement("form");
    form.method = "POST";
    form.action = `${url}/v1/clients`;
    form.enctype = "text/plain";
    const field = document.createElement("input");
    field.name = '{"name":"forged","x":"';
    field.value = '"}';
    form.append(field);
    document.body.append(form);
    form.submit();
  }, told.url);
  await posted;
  const after = await owner.evaluate(async () => (await (await fetch("/v1/clients?limit=100")).json()).clients.length);
  check("a post of another site is refused, and nothing comes of it", before === after && seen.includes(403) && seen.every((status) => status >= 400), JSON.stringify({ before, after, seen }));
  await elsewhere.close();
  evil.close();
  const by = (headers, method = "POST") => owner.evaluate(async ([headers, method]) => (await fetch("/v1/clients", { method, headers, ...(method === "POST" ? { body: '{"name":"x"}' } : {}) })).status, [headers, method]);
  check("without the console's field a write is refused", (await by({ "Content-Type": "application/json" })) === 403);
  check("without JSON, too", (await by({ "Content-Type": "text/plain", "X-Tenantry": "1" })) >= 400);
  check("cookie and Bearer together are refused", (await by({ Authorization: "Bearer x" }, "GET")) === 400);

  // ---- the end of a session
  await admin.goto(`${told.url}/console`);
  await settle(admin);
  const stolen = (await admin.context().cookies()).find((one) => one.name === "__Host-tenantry").value;
  const withCookie = async (value) => (await fetch(`${told.url}/v1/admin/tenants`, { headers: { Cookie: `__Host-tenantry=${value}` } })).status;
  check("a cookie is what a session is shown by", (await withCookie(stolen)) === 200);
  await admin.getByRole("button", { name: "Log out" }).click();
  await admin.waitForURL("**/login");
  check("a cookie is good for nothing once its owner has logged out", (await withCookie(stolen)) === 401);
  await owner.goto(`${told.url}/console`);
  await settle(owner);
  await owner.getByRole("button", { name: "Log out" }).click();
  await owner.waitForURL("**/login");
  check("a member logs out", (await owner.evaluate(async () => (await (await fetch("/v1/console/session")).json()).kind)) === "none");

  check("the content security policy kept nothing of ours from running", violations.length === 0, violations.join("\n"));
  check("no script failed", errors.length === 0, errors.join("\n"));
  const provoked = await open("light");
  await provoked.goto(`${told.url}/login`);
  const reported = provoked.waitForEvent("console", (message) => message.text().startsWith("CSP "));
  const thrown = await provoked.evaluate(() => { try { document.body.innerHTML = "<b>x</b>"; return false; } catch (error) { return error instanceof TypeError; } });
  check("text cannot become markup (Trusted Types)", thrown);
  check("what the policy forbids is told to the page", (await reported).text().includes("require-trusted-types-for"));
});
