// Companies that are closed, owe, or change, and the people who belong to several: in a real Chromium. tests/e2e/test_companies.py
// makes them.
import { adminLogin, at, axe, check, errors, everywhere, isInside, logIn, oathtool, open, picture, run, settle, shows, text, told, violations, watched } from "./browser.mjs";

const { companies } = told;

async function goTo(page, tenant) {
  await at(page, "/console/account", `the account, going to ${tenant}`, ["Companies", tenant]);
  await page.locator(".row", { hasText: tenant }).getByRole("button", { name: "Go there" }).focus();
  await page.keyboard.press("Enter");
  await isInside(page);
}
const standing = (page) => page.locator("[data-standing]").getAttribute("data-standing", { timeout: 15_000 }).catch(() => null);
const link = (page, name) => page.locator("main").getByRole("link", { name });
const button = (page, name) => page.locator("main").getByRole("button", { name });

const words = {
  admin: "The platform has suspended your company", unpaid: "A payment has failed", trial: "Your trial is over", cancelled: "The subscription is cancelled",
};

await run(async () => {
  // ---- closed companies, as their owner has them
  const owner = await open("light");
  const views = { admin: companies.byAdmin, unpaid: companies.unpaid, trial: companies.expired, cancelled: companies.cancelled };
  await logIn(owner, companies.byAdmin, told.owner);
  for (const [kind, tenant] of Object.entries(views)) {
    if (tenant !== companies.byAdmin) await goTo(owner, tenant);
    check(`home of a company says: ${kind}`, (await standing(owner)) === kind && await shows(owner, words[kind]), await text(owner));
    await everywhere(owner, `home-${kind}`);
    await link(owner, "Open billing").click();
    await owner.waitForURL("**/console/plan");
    await settle(owner);
    check(`so does its plan page: ${kind}`, (await standing(owner)) === kind, await text(owner));
    if (kind === "unpaid") await link(owner, /^Pay /).first().waitFor({ timeout: 10_000 }).catch(() => undefined);
    const pays = await link(owner, /^Pay /).count();
    check(`a link to pay is there where something is to be paid, and only there (${kind})`, pays === (kind === "unpaid" ? 1 : 0), pays);
    check(`an owner may cancel, or come back (${kind})`, (await button(owner, "Come back…").count()) === (kind === "cancelled" ? 1 : 0) && (await button(owner, "Cancel the subscription…").count()) === (kind === "cancelled" ? 0 : 1), await text(owner));
    await everywhere(owner, `plan-${kind}`);
    if (kind === "admin") check("an admin's reason is told, and that paying does not end it", (await text(owner)).includes("Reason: abuse. Paying does not end this"), await text(owner));
    if (kind === "unpaid") check("the link to pay is the invoice's page", (await link(owner, "Pay €49").getAttribute("href")) === told.invoiceUrl, await text(owner));
    if (kind === "trial") check("nobody is told of an invoice that is not there", !/open invoice/i.test(await text(owner)), await text(owner));
    if (kind === "cancelled") check("until when it can come back", (await text(owner)).includes("All data is deleted"), await text(owner));
  }

  // ---- and as who has no rights to its billing has them
  const member = await open("light");
  await logIn(member, companies.byAdmin, told.member);
  check("who may not see billing is told whom to ask", (await standing(member)) === "admin" && await shows(member, "Whoever sees to billing") && (await link(member, "Open billing").count()) === 0, await text(member));
  check("and has no menu of it", (await member.locator(".menu a", { hasText: "Plan and billing" }).count()) === 0);
  await member.goto(`${told.url}/console/plan`);
  check("nor the page", await shows(member, "You may not see this"), await text(member));
  await goTo(member, companies.expired);
  check("nor of a trial that is over", (await standing(member)) === "trial" && await shows(member, words.trial) && (await link(member, "Open billing").count()) === 0, await text(member));
  for (const kind of ["unpaid", "cancelled"]) {  // a manager there: sees, and changes nothing
    const tenant = views[kind];
    await goTo(member, tenant);
    check(`a manager's home says so, too: ${kind}`, (await standing(member)) === kind && (await link(member, "Open billing").count()) === 1, await text(member));
    await at(member, "/console/plan", `${tenant}, by its manager`, ["Your role sees billing and changes nothing here"]);
    check(`a manager changes no subscription (${tenant})`, (await button(member, /Come back|Cancel the subscription|Take /).count()) === 0, await text(member));
  }

  // ---- between two companies, one of them closed
  const second = watched(await member.context().newPage());
  await second.goto(`${told.url}/console/plan`);
  await settle(second);
  await goTo(member, companies.open);
  check("who is in a closed company goes to an open one without a login", await shows(member, "Hello Marie"), await text(member));
  check("the frame is the other company's", (await member.locator(".who").innerText()).includes(told.openName), await member.locator(".who").innerText());
  check("the other tab shows nothing of the former company any more", await second.locator(".who", { hasText: told.openName }).waitFor({ timeout: 10_000 }).then(() => true, () => false) && (await second.locator("[data-standing]").count()) === 0, await text(second));
  await second.close();
  const seen = [];
  member.on("request", (request) => seen.push(new URL(request.url()).pathname));
  await member.locator(".menu a", { hasText: "Plan and billing" }).click();
  await settle(member);
  check("what was read for the former company is asked for anew", seen.includes("/v1/subscription") && (await member.locator("[data-standing]").count()) === 0 && !(await text(member)).includes(companies.cancelled), seen);
  await goTo(member, companies.byAdmin);
  check("and back", (await standing(member)) === "admin");

  // ---- active, and something is due
  const payer = await open("light");
  await logIn(payer, companies.owing, told.owing);
  check("home says that a payment is overdue", await payer.locator("[data-owed]").waitFor({ timeout: 15_000 }).then(() => true, () => false), await text(payer));
  await everywhere(payer, "home-owing");
  await link(payer, "See what is to be paid").click();
  await payer.waitForURL("**/console/plan");
  check("the plan page has the link to pay", (await link(payer, "Pay €49").getAttribute("href")) === told.owingUrl, await text(payer));
  await everywhere(payer, "plan-owing");
  const changer = await open("light");
  await logIn(changer, companies.changing, told.changing);
  check("home of who owes nothing says nothing of it", await shows(changer, "Hello Marie") && (await changer.locator("[data-owed]").count()) === 0);
  await at(changer, "/console/plan", "the plan that changes", ["STARTER from", "2 × "]);
  check("the scheduled end shows", (await changer.locator("[data-ends]").innerText()).includes("Ends:") && (await changer.locator("[data-plan-change]").count()) === 1, await text(changer));
  await everywhere(changer, "plan-changing");

  // ---- what a super-admin sees of these
  const admin = await open("light");
  await adminLogin(admin, "Ada Lovelace");
  for (const [tenant, due] of [[companies.owing, ["nextDunning", "nextSuspension"]], [companies.changing, ["nextPlan", "nextEnd"]]]) {
    await at(admin, `/console/tenants/${tenant}`, `the page of ${tenant}`, ["What happens next"]);
    await admin.waitForFunction((count) => document.querySelectorAll("[data-due]").length === count, due.length, { timeout: 10_000 }).catch(() => undefined);
    const found = await admin.locator("[data-due]").evaluateAll((all) => all.map((one) => one.dataset.due));
    check(`what is next, in its order (${due.join(", ")})`, JSON.stringify(found) === JSON.stringify(due), found);
    check("with when it is", (await admin.locator("[data-due] time").count()) === due.length && !(await text(admin)).includes("Nothing is due"), await text(admin));
    await everywhere(admin, `tenant-${due[0]}`);
  }
  await at(admin, "/console/acts", "who did what", ["Who did what"]);
  check("an act by the platform's token is there, with its reason", await admin.locator("tbody tr", { hasText: "tenant.suspended" }).filter({ hasText: "asked for by the test" }).first().waitFor({ timeout: 20_000 }).then(() => true, () => false), await text(admin));

  // ---- people: reset, orphaned keys, leaving
  await at(payer, "/console/users", "users", [told.colleague]);
  await payer.getByLabel(`Manage: ${told.colleague}`).selectOption("factors");
  await payer.getByLabel("Reason").fill("the phone is gone");
  await payer.locator("dialog").getByRole("button", { name: "Reset lost second factors" }).click();
  check("who has no second factor has none to reset, and that is told", await payer.locator("dialog .error-box", { hasText: "second factor" }).waitFor({ timeout: 10_000 }).then(() => true, () => false), await text(payer));
  await axe(payer, "the reset of second factors");
  await payer.keyboard.press("Escape");
  await payer.getByLabel(`Manage: ${told.absent}`).selectOption("factors");
  await payer.getByLabel("Reason").fill("the phone is gone");
  await payer.locator("dialog").getByRole("button", { name: "Reset lost second factors" }).click();
  const forgotten = await payer.locator("[data-reset]", { hasText: told.absent }).locator("time").getAttribute("datetime", { timeout: 10_000 }).catch(() => "");
  const inADay = Date.now() + (told.clockAhead + 86_400) * 1000;
  check("whose factors are reset has them for a day, which is said", Math.abs(Date.parse(forgotten) - inADay) < 600_000, [forgotten, await text(payer)]);
  await axe(payer, "users, of whom one's factors are reset");
  await at(payer, "/console/keys", "keys", ["Nobody who is here answers for one key", "Has left"]);
  await axe(payer, "keys of who has left");
  await picture(payer, "keys-orphaned");
  await button(payer, "Rotate…").click();
  await payer.locator("dialog").getByRole("button", { name: "Rotate" }).click();
  await payer.locator(".secret", { hasText: "tnk_" }).waitFor({ timeout: 10_000 });
  await payer.getByRole("button", { name: "Done" }).click();
  check("rotating takes a key over", await payer.locator("[data-orphan]").waitFor({ state: "detached", timeout: 10_000 }).then(() => true, () => false), await text(payer));

  const leaver = await open("light");
  await logIn(leaver, companies.owing, told.colleague);
  await at(leaver, "/console/account", "the account of who leaves", [told.owingName]);
  await leaver.getByRole("button", { name: `Leave ${told.owingName}…` }).focus();
  await leaver.keyboard.press("Enter");
  await axe(leaver, "leaving");
  await leaver.locator("dialog").getByRole("button", { name: "Leave", exact: true }).click();
  await leaver.waitForURL("**/login");
  check("who leaves is out", (await leaver.evaluate(async () => (await fetch("/v1/me")).status)) === 401);
  await at(payer, "/console/account", "the account of the last owner", [told.owingName]);
  await payer.getByRole("button", { name: `Leave ${told.owingName}…` }).click();
  check("the last owner hands over first: without an admin there is nobody", await shows(payer, "nobody is an admin"), await text(payer));
  await axe(payer, "leaving without an heir");
  await payer.keyboard.press("Escape");
  await at(changer, "/console/account", "the account of an owner with an admin", [told.changingName]);
  await changer.getByRole("button", { name: `Leave ${told.changingName}…` }).click();
  await changer.getByLabel("New owner").waitFor();
  await axe(changer, "handing over");
  await picture(changer, "hand-over");
  await changer.locator("dialog").getByLabel(`Type ${companies.changing} to confirm`).fill(companies.changing);
  await changer.locator("dialog").getByRole("button", { name: "Hand over and leave" }).click();
  await changer.waitForURL("**/login");
  check("an owner hands over and leaves", true);
  const heir = await open("light");
  await logIn(heir, companies.changing, told.heir);
  check("and the admin is owner", (await heir.evaluate(async () => (await (await fetch("/v1/me")).json()).tenant_role)) === "owner");

  // ---- the broker, the domain, looks and protection
  await at(heir, "/console/broker", "the broker", ["amqp://", "Good"]);
  await heir.getByRole("button", { name: "New login…" }).focus();
  await heir.keyboard.press("Enter");
  await heir.locator("dialog").getByRole("button", { name: "New login" }).click();
  const password = (await heir.locator("[data-secret=password] code").innerText({ timeout: 15_000 })).trim();
  check("a new login shows its password", password.length > 40 && (await heir.locator("[data-secret=whole]").innerText()).includes(password), password.length);
  await axe(heir, "a login that is shown once");
  await heir.locator("dialog").getByRole("button", { name: "Done" }).click();
  check("once", !(await text(heir)).includes(password));
  check("and is good within seconds", await heir.locator("tbody tr", { hasText: "Ending" }).waitFor({ timeout: 30_000 }).then(() => true, () => false), await text(heir));
  await heir.getByRole("button", { name: "New queue" }).click();
  await heir.locator("input[name=queue]").fill("orders.eu");
  await heir.locator("input[name=own_events]").fill("order.*, refund.#");
  await heir.locator("dialog").getByRole("checkbox").first().check();
  await axe(heir, "a new queue");
  await heir.getByRole("button", { name: "Make the queue" }).click();
  check("a queue is made, and is there within seconds", await heir.locator("tbody tr", { hasText: "orders.eu" }).filter({ hasText: "There" }).waitFor({ timeout: 30_000 }).then(() => true, () => false), await text(heir));
  await everywhere(heir, "broker-with-a-queue");
  await heir.locator("tbody tr", { hasText: "orders.eu" }).getByRole("button", { name: "Remove…" }).click();
  await heir.locator("dialog").getByRole("button", { name: "Remove", exact: true }).click();
  check("and removed", await heir.locator("tbody tr", { hasText: "orders.eu" }).waitFor({ state: "detached", timeout: 30_000 }).then(() => true, () => false), await text(heir));

  await at(heir, "/console/domain", "the domain", ["No domain yet"]);
  await heir.locator("input[name=domain]").fill("not a domain");
  await heir.getByRole("button", { name: "Use this domain" }).click();
  check("what is no domain is told at its field", await heir.locator(".field-error", { hasText: "name of a host" }).waitFor({ timeout: 10_000 }).then(() => true, () => false), await text(heir));
  await heir.locator("input[name=domain]").fill(told.domain);
  await heir.keyboard.press("Enter");
  check("the record that proves it shows", await shows(heir, `_tenantry.${told.domain}`) && await shows(heir, "TXT") && await shows(heir, "Not proven yet"), await text(heir));
  await heir.getByRole("button", { name: "Look now" }).click();
  check("it is looked for when asked, and said what stood in the way", await heir.locator(".notice.warn").first().waitFor({ timeout: 40_000 }).then(() => true, () => false), await text(heir));
  await everywhere(heir, "domain-pending");
  await heir.getByRole("button", { name: "Give it up…" }).click();
  await heir.locator("dialog").getByRole("button", { name: "Give it up" }).click();
  check("a domain is given up", await shows(heir, "No domain yet"), await text(heir));

  await at(heir, "/console/settings", "settings", ["As it will look", "Protection"]);
  await heir.getByLabel("Name shown").fill("Maison Changeante");
  check("the preview follows what is typed", (await heir.locator("[data-brand]").innerText()) === "Maison Changeante" && (await heir.locator("[data-from]").innerText()) === "Maison Changeante via Tenantry", await text(heir));
  await heir.locator("form").getByLabel("Colour", { exact: true }).fill("#ffee00");
  check("words are readable on any colour", (await heir.locator(".brand-band").evaluate((element) => [getComputedStyle(element).backgroundColor, getComputedStyle(element).color].join(" "))) === "rgb(255, 238, 0) rgb(0, 0, 0)");
  await heir.getByRole("button", { name: "Save" }).click();
  await heir.getByText("Saved").waitFor({ timeout: 10_000 });
  check("the console bears the company's name", await heir.locator(".brand", { hasText: "Maison Changeante" }).waitFor({ timeout: 10_000 }).then(() => true, () => false), await text(heir));
  await everywhere(heir, "settings-branded");
  await heir.locator("form").getByLabel("Second factor").selectOption("required");
  await heir.getByRole("button", { name: "Save" }).click();
  check("who has no second factor demands none", await shows(heir, "before it is demanded of all"), await text(heir));
  await heir.goto(`${told.url}/console/account`);
  await heir.getByRole("button", { name: "Set up an app" }).click();
  const secret = await heir.locator("[data-secret]").innerText();
  await heir.locator("input[name=totp]").fill(oathtool(secret));
  await heir.getByRole("button", { name: "Confirm", exact: true }).click();
  await heir.getByRole("button", { name: "I have kept them" }).click();
  await at(heir, "/console/settings", "settings", ["Protection"]);
  await heir.locator("form").getByLabel("Second factor").selectOption("required");
  await heir.getByRole("button", { name: "Save" }).click();
  check("an owner who has one demands it of all", await heir.getByText("Saved").waitFor({ timeout: 10_000 }).then(() => true, () => false), await text(heir));
  const bare = await open("light");
  await logIn(bare, companies.changing, told.employee);
  check("who has none is told so, and where to set one up", await shows(bare, "Your company demands a second factor"), await text(bare));
  await everywhere(bare, "home-factor-demanded");
  await link(bare, "Set it up").click();
  await bare.getByRole("button", { name: "Set up an app" }).click();
  await bare.locator("input[name=totp]").fill(oathtool(await bare.locator("[data-secret]").innerText()));
  await bare.getByRole("button", { name: "Confirm", exact: true }).click();
  await bare.getByRole("button", { name: "I have kept them" }).click();
  await bare.locator(".menu a", { hasText: "Home" }).click();
  check("set up, everything is open", await shows(bare, "Hello"), await text(bare));

  // ---- an invitation, by who is logged in
  const wrong = await open("light");
  await logIn(wrong, companies.owing, told.owing);
  await at(wrong, `/invitation#t=${told.invitation}`, "an invitation of somebody else", ["You are logged in as", told.owing, told.invited]);
  check("nothing can be accepted as another", (await button(wrong, /Accept|Join/).count()) === 0);
  await everywhere(wrong, "invitation-of-another");
  await button(wrong, `Sign out and continue as ${told.invited}`).focus();
  await wrong.keyboard.press("Enter");
  check("signed out, one goes on as who is invited", await wrong.getByLabel("Your password").waitFor({ timeout: 10_000 }).then(() => true, () => false), await text(wrong));
  check("and nobody is logged in", (await wrong.evaluate(async () => (await (await fetch("/v1/console/session")).json()).kind)) === "none");
  const invited = await open("light");
  await logIn(invited, told.invitedTenant, told.invited);
  await at(invited, `/invitation#t=${told.invitation}`, "one's own invitation", [told.owingName]);
  check("who is logged in is asked for no password", (await invited.locator("input[type=password]").count()) === 0);
  await everywhere(invited, "invitation-of-oneself");
  await button(invited, `Join ${told.owingName} as Marie Martin`).focus();
  await invited.keyboard.press("Enter");
  await isInside(invited);
  check("and joins with one press", (await invited.evaluate(async () => (await (await fetch("/v1/me")).json()).tenant.tenant_id)) === companies.owing, await text(invited));

  const beside = watched(await invited.context().newPage());
  await beside.goto(`${told.url}/console/plan`);
  await settle(beside);
  await invited.getByRole("button", { name: "Log out" }).click();
  await invited.waitForURL("**/login");
  check("who logs out is out in every tab", await beside.waitForURL("**/login*", { timeout: 10_000 }).then(() => true, () => false), await text(beside));

  check("the content security policy kept nothing of ours from running", violations.length === 0, violations.join("\n"));
  check("no script failed", errors.length === 0, errors.join("\n"));
});
