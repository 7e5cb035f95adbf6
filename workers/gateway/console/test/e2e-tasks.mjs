// The main tasks, each done by the keyboard alone: no pointer is moved and nothing is clicked, which the last check sees to.
// tests/e2e/test_tasks.py makes the stack.
import { axe, check, errors, open, picture, run, settle, shows, text, told, violations } from "./browser.mjs";
import { mailedToken } from "./mails.mjs";

// What a pointer did, on any page: a press of Enter or Space makes a click, too, but one of no pointer.
const pointed = [];
async function page() {
  const one = await open("light");
  one.setDefaultTimeout(30_000);
  await one.context().exposeFunction("pointed", (what) => pointed.push(what));
  await one.context().addInitScript(() => {
    for (const type of ["pointerdown", "mousedown", "touchstart"]) addEventListener(type, (event) => globalThis.pointed(`${type} ${event.target?.tagName}`), true);
  });
  return one;
}

const focused = (element) => element === document.activeElement;
/** Tab by Tab to what is looked for, as who sees no pointer goes there. */
async function reach(page, locator, what, key = "Tab", most = 150) {
  await locator.first().waitFor();
  for (let i = 0; i < most; ++i) {
    if (await locator.first().evaluate(focused)) return true;
    await page.keyboard.press(key);
  }
  throw new Error(`${what} cannot be reached by ${key}: focus is on ${await page.evaluate(() => document.activeElement?.outerHTML.slice(0, 300))}`);
}
const field = (page, label) => page.getByLabel(label, { exact: true });
const button = (page, name) => page.getByRole("button", { name, exact: true });
async function write(page, label, words) {
  await reach(page, field(page, label), label);
  await page.keyboard.press("Control+a");
  await page.keyboard.type(words);
}
async function press(page, name) {
  await reach(page, typeof name === "string" ? button(page, name) : name, String(name));
  await page.keyboard.press("Enter");
}
async function tick(page, label) {
  await reach(page, field(page, label), label);
  await page.keyboard.press("Space");
}
/** Where somebody opens an address of a mail, or types one. */
async function visit(page, path) {
  await page.goto(told.url + path);
  await settle(page);
}
/** By the palette, as to any page. */
async function goTo(page, words, path) {
  await page.keyboard.press("Control+k");
  await page.getByRole("combobox", { name: "Go to…" }).waitFor();
  await page.keyboard.type(words);
  await page.getByRole("option").filter({ hasText: words }).first().waitFor();
  await page.keyboard.press("Enter");
  await page.waitForURL(`**${path}`);
  await settle(page);
}
/** j to the row that holds the words. */
async function row(page, words) {
  const wanted = page.locator("tr[data-row]", { hasText: words }).first();
  await wanted.waitFor();
  for (let i = 0; i < 60; ++i) {
    if (await wanted.evaluate((element) => element.contains(document.activeElement))) return;
    await page.keyboard.press("j");
  }
  throw new Error(`j does not lead to ${words}`);
}
async function logIn(page, address, password, tenant) {
  await visit(page, tenant ? `/login?tenant=${tenant}` : "/login");
  await write(page, "E-mail address", address);
  await write(page, "Password", password);
  await page.keyboard.press("Enter");
  await page.waitForURL("**/console");
  await settle(page);
}

const company = `Clavier ${told.run}`;
const owner = `clavier.${told.run}@keys-${told.run}.example`;
const first = "Une-Baguette-Bien-Cuite-42", second = "Un-Croissant-Bien-Chaud-17";

await run(async () => {
  const one = await page();

  // ---- 1: a company signs up
  await visit(one, "/signup");
  await one.getByRole("radio").first().waitFor();
  await reach(one, one.getByRole("radio", { checked: true }), "the plans");
  await one.keyboard.press("ArrowRight");
  await one.keyboard.press("ArrowLeft");
  const plan = await one.getByRole("radio", { checked: true }).getAttribute("value");
  await write(one, "Company name", company);
  check("whether the name is free is told while one types", await shows(one, `clavier-${told.run}`), await text(one));
  await write(one, "Company e-mail", `office@keys-${told.run}.example`);
  await write(one, "First name", "Ada");
  await write(one, "Last name", "Durand");
  await write(one, "Your e-mail", owner);
  await write(one, "Password", first);
  check("nobody signs up before the terms are accepted", await button(one, "Create the company").isDisabled());
  await tick(one, "I accept the terms of use");
  await tick(one, "I accept the privacy notice");
  await press(one, "Create the company");
  check("1. a company signs up", await shows(one, "Your company is being set up"), await text(one));
  await axe(one, "a company that is being set up");
  await picture(one, "signup-done");

  // ---- 2: its owner logs in, as soon as it is there: who comes before is told that it is being made
  const madeBy = Date.now() + 120_000;
  const standing = async () => (await (await fetch(`${told.url}/v1/admin/tenants/clavier-${told.run}`, { headers: { Authorization: `Bearer ${told.adminToken}` } })).json()).status;
  while ((await standing()) !== "TRIAL" && Date.now() < madeBy) await one.waitForTimeout(100);
  await press(one, "Log in");
  await one.waitForURL(`**/login?tenant=clavier-${told.run}`);
  await logIn(one, owner, first, `clavier-${told.run}`);
  check("2. its owner is in", await shows(one, "Hello Ada"), await text(one));
  const known = await one.evaluate(async () => (await (await fetch("/v1/me")).json()).tenant);
  check("with the plan that was chosen", known.plan === plan && known.company_name === company, JSON.stringify(known));
  for (let i = 0; known.status !== "TRIAL" && i < 600 && (await one.evaluate(async () => (await (await fetch("/v1/me")).json()).tenant.status)) !== "TRIAL"; ++i) await one.waitForTimeout(50);

  // ---- 3: confirms the address and invites somebody
  const confirming = await one.evaluate(async () => (await fetch("/v1/me/email/verify", { method: "POST", headers: { "Content-Type": "application/json", "X-Tenantry": "1" }, body: "{}" })).status);
  check("a link is asked for", confirming === 202, confirming);
  await visit(one, `/confirm-email#t=${await mailedToken(told.mails, "emv", owner)}`);
  await press(one, one.locator("main button.primary"));
  await one.locator("main a.primary").waitFor();
  await press(one, one.locator("main a.primary"));
  await one.waitForURL("**/console");
  await settle(one);
  const guestAddress = `guest.${told.run}@keys-${told.run}.example`;
  await goTo(one, "Users", "/console/users");
  await press(one, "Invite somebody");
  await write(one, "E-mail address", guestAddress);
  // That the address is confirmed is known to the session within seconds: who is refused until then presses again.
  for (let status = 403; status === 403;) {
    const answered = one.waitForResponse((response) => response.url().endsWith("/v1/users") && response.request().method() === "POST");
    await press(one, "Send the invitation");
    status = (await answered).status();
  }
  check("3. somebody is invited", await shows(one, guestAddress), await text(one));

  // ---- 4: who joins
  const guest = await page();
  await visit(guest, `/invitation#t=${await mailedToken(told.mails, "inv", guestAddress)}`);
  await write(guest, "First name", "Paul");
  await write(guest, "Last name", "Petit");
  await write(guest, "Choose a password", second);
  await reach(guest, guest.getByLabel("I accept the terms"), "the terms");
  await guest.keyboard.press("Space");
  await press(guest, "Accept");
  check("4. who is invited joins", await shows(guest, "Hello Paul"), await text(guest));
  check("as what the invitation says", (await guest.evaluate(async () => (await (await fetch("/v1/me")).json()).tenant_role)) === "viewer");

  // ---- 5: a forgotten password
  await press(guest, "Log out");
  await guest.waitForURL("**/login");
  await settle(guest);
  await press(guest, guest.getByRole("link", { name: "Forgotten your password?" }));
  await guest.waitForURL("**/login?as=forgotten");
  await write(guest, "E-mail address", guestAddress);
  await press(guest, "Send the link");
  check("a mail is under way", await shows(guest, "a mail with a link is under way"), await text(guest));
  const link = await mailedToken(told.mails, "pwr", guestAddress);
  await visit(guest, `/reset-password#t=${link}`);
  await write(guest, "New password", "short");
  await guest.keyboard.press("Enter");
  check("what is no password is told at its field", await guest.locator(".field-error").first().waitFor().then(() => true, () => false), await text(guest));
  await write(guest, "New password", first);
  await guest.keyboard.press("Enter");
  check("5. another password is set", await shows(guest, "It is set"), await text(guest));
  await axe(guest, "a password that is set");
  await visit(guest, "/login");
  await visit(guest, `/reset-password#t=${link}`);
  await write(guest, "New password", second);
  await guest.keyboard.press("Enter");
  check("by a link that is good once", await shows(guest, "Ask for another link"), await text(guest));
  await logIn(guest, guestAddress, first);
  check("and lets in", await shows(guest, "Hello Paul"), await text(guest));
  await guest.context().close();

  // ---- 6: another plan
  await goTo(one, "Plan and billing", "/console/plan");
  await reach(one, one.getByRole("radio", { checked: true }), "the plans");
  await one.keyboard.press("ArrowRight");
  const wanted = await one.getByRole("radio", { checked: true }).getAttribute("value");
  check("the arrows choose another plan", wanted !== plan, wanted);
  await press(one, `Take ${wanted}`);
  await one.locator("dialog").waitFor();
  await axe(one, "another plan");
  await reach(one, one.locator("dialog").getByRole("button", { name: `Take ${wanted}` }), "the dialog's button");
  await one.keyboard.press("Enter");
  check("6. another plan is taken", await one.locator(".facts strong", { hasText: wanted }).waitFor().then(() => true, () => false), await text(one));
  check("and holds", (await one.evaluate(async () => (await (await fetch("/v1/subscription")).json()).plan)) === wanted);

  // ---- 7: a key for a program
  await goTo(one, "API keys", "/console/keys");
  await press(one, one.getByRole("button", { name: "New key" }));
  await one.locator("dialog").waitFor();
  await one.keyboard.type("By the keyboard");
  await reach(one, one.locator("dialog").getByRole("checkbox"), "a permission");
  await one.keyboard.press("Space");
  await press(one, "Make the key");
  check("7. a key is made and shown once", await one.locator(".secret", { hasText: "tnk_" }).waitFor().then(() => true, () => false), await text(one));
  await one.keyboard.press("Escape");

  // ---- 8: what happened, and the proof of it
  await goTo(one, "Audit log", "/console/audit");
  await one.keyboard.press("/");
  await one.keyboard.type("type:api_key.created");
  await one.keyboard.press("Enter");
  await one.waitForURL("**/console/audit?q=type*");
  await one.keyboard.press("Tab");  // out of the box, where j is a letter
  await row(one, "api_key.created");
  await one.keyboard.press("Enter");
  await one.locator(".detail").waitFor();
  check("8. a record is found and opened", await shows(one, "By the keyboard"), await text(one));
  const sequence = Number(new URL(one.url()).searchParams.get("record").split("/")[1]);
  const signedSize = () => one.evaluate(async () => Number((await (await fetch("/v1/audit/checkpoint")).text()).split("\n")[1]));
  for (const until = Date.now() + 60_000; !((await signedSize()) > sequence) && Date.now() < until;) await one.waitForTimeout(100);
  await press(one, one.getByRole("link", { name: "Verify its proof" }));
  check("and its proof holds", await one.locator("[data-verdict=good]").waitFor({ timeout: 60_000 }).then(() => true, () => false), await text(one));

  // ---- a super-admin
  const admin = await page();
  await visit(admin, "/login?as=token");
  await write(admin, "Your name", "Ada Keys");
  await write(admin, "Super-admin's token", told.adminToken);
  await admin.keyboard.press("Enter");
  await admin.waitForURL("**/console");
  await settle(admin);

  // ---- 9: finds a company by its owner and gives it more
  await goTo(admin, "Tenants", "/console/tenants");
  await admin.keyboard.press("/");
  await admin.keyboard.type(owner);
  await admin.waitForFunction(() => document.querySelectorAll("tbody tr").length === 1);
  await admin.keyboard.press("Tab");
  await row(admin, company);
  await admin.keyboard.press("Enter");
  await admin.waitForURL(`**/console/tenants/clavier-${told.run}`);
  await settle(admin);
  await press(admin, admin.locator(".tabs").getByRole("link", { name: "Limits" }));
  await press(admin, "Set an override");
  await admin.locator("dialog").waitFor();
  await reach(admin, admin.locator("dialog").getByLabel("Limit"), "the limit");
  const limits = await admin.locator("dialog").getByLabel("Limit").locator("option").allInnerTexts();
  while ((await admin.locator("dialog").getByLabel("Limit").inputValue()) !== "clients_max") await admin.keyboard.press((await admin.locator("dialog").getByLabel("Limit").inputValue()) === limits.at(-1) ? "Home" : "ArrowDown");
  await write(admin, "Value", "4321");
  await write(admin, "Reason", "asked for by the owner");
  await reach(admin, admin.locator("dialog").getByRole("button", { name: "Set an override" }), "the dialog's button");
  await admin.keyboard.press("Enter");
  check("9. an override is set", await admin.locator("tbody tr", { hasText: "asked for by the owner" }).waitFor().then(() => true, () => false), await text(admin));
  await axe(admin, "a limit that is overridden");
  await picture(admin, "override");
  check("and binds", (await one.evaluate(async () => (await (await fetch("/v1/limits/check?metric=clients")).json()).limit)) === 4321);
  await press(admin, "Remove");
  await admin.locator("dialog").waitFor();
  await write(admin, "Reason", "no more");
  await reach(admin, admin.locator("dialog").getByRole("button", { name: "Remove" }), "the dialog's button");
  await admin.keyboard.press("Enter");
  await admin.locator("dialog").waitFor({ state: "detached" });  // which says the same of what will be
  check("and removed", await shows(admin, "The plan's own limits hold"), await text(admin));
  check("which binds no more", (await one.evaluate(async () => (await (await fetch("/v1/limits/check?metric=clients")).json()).limit)) !== 4321);

  // ---- 10: sends again what was set aside
  await goTo(admin, "Dead letters", "/console/dead-letters");
  await press(admin, "billing");  // others may have had more go wrong
  await admin.waitForURL("**/console/dead-letters?*worker=billing*");
  await settle(admin);
  await row(admin, "billing");
  await admin.keyboard.press("Enter");
  const letters = admin.getByRole("group", { name: "Messages of the group" });
  await letters.locator("tbody tr", { hasText: told.tenant }).first().waitFor();
  await press(admin, letters.locator("tbody tr", { hasText: told.tenant }).first().locator("button.row-link"));
  await reach(admin, admin.locator(".detail").getByRole("button", { name: "Send again…" }), "“Send again”");
  await admin.keyboard.press("Enter");
  await admin.locator("dialog").waitFor();
  await axe(admin, "sending again");
  await write(admin, "Reason", "tried by the keyboard");
  await reach(admin, admin.locator("dialog").getByRole("button", { name: "Send again" }), "the dialog's button");
  const answered = admin.waitForResponse((response) => response.url().includes("/redrive"));
  await admin.keyboard.press("Enter");
  check("10. what was set aside is sent again", (await answered).status() < 300 && await admin.locator("dialog").waitFor({ state: "detached" }).then(() => true, () => false), await text(admin));

  // ---- and out
  await press(admin, "Log out");
  await admin.waitForURL("**/login");
  check("out by the keyboard, too", true);

  check("all of it without a pointer", pointed.length === 0, pointed);
  check("the content security policy kept nothing of ours from running", violations.length === 0, violations.join("\n"));
  check("no script failed", errors.length === 0, errors.join("\n"));
});
