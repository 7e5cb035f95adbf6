// A super-admin who is a person, in a real Chromium: logs in with a second factor, visits a company, and leaves.
import { check, errors, everywhere, oathtool, open, picture, run, settle, shows, text, told } from "./browser.mjs";

await run(async () => {
  const page = await open("light");
  page.setDefaultTimeout(30_000);
  await page.goto(`${told.url}/login?as=admin`);
  await page.locator("input[name=username]").fill(told.email);
  await page.locator("input[name=password]").fill(told.password);
  await page.locator("form button[type=submit]").click();
  await page.locator("input[name=one-time-code]").fill(oathtool(told.secret, 30));  // the one before may have been used to set it up
  await page.locator("form button[type=submit]").click();
  await page.waitForURL("**/console");
  check("a super-admin logs in by address, password and code", await shows(page, told.email), await text(page));
  check("the menu is the super-admins'", await shows(page, "Dead letters"), await text(page));
  await page.goto(`${told.url}/console/account`);
  check("the account shows its sessions", await shows(page, "This one"), await text(page));
  await settle(page);
  await everywhere(page, "account-admin");

  await page.goto(`${told.url}/console/tenants/${told.tenant}`);
  await page.getByRole("button", { name: "Visit…" }).click();
  await page.getByLabel("Reason").fill("ticket 4711");
  await page.getByRole("button", { name: "Visit", exact: true }).click();
  const banner = `You are visiting ${told.company} as a super-admin`;
  check("a visit begins, and says so", await shows(page, banner), await text(page));
  check("with its reason", await shows(page, "ticket 4711"), await text(page));
  await page.goto(`${told.url}/console/users`);
  check("the company's people are seen", await shows(page, told.owner), await text(page));
  check("under the banner", await shows(page, banner), await text(page));
  check("nobody can be invited", (await page.getByRole("button", { name: "Invite somebody" }).count()) === 0);
  check("the own account is out of the way", (await page.getByRole("link", { name: "My account" }).count()) === 0);
  await everywhere(page, "visit");
  const refused = await page.evaluate(async () => {
    const answer = await fetch("/v1/clients", { method: "POST", headers: { "Content-Type": "application/json", "X-Tenantry": "1" }, body: JSON.stringify({ name: "x" }) });
    return [answer.status, (await answer.json()).code];
  });
  check("and the server refuses what the page does not show", refused[0] === 403 && refused[1] === "read_only", refused);
  await page.getByRole("button", { name: "End the visit" }).click();
  await page.waitForURL(`**/console/tenants/${told.tenant}`);
  check("the visit ends where it began", await shows(page, "What happens next"), await text(page));
  check("and the banner is gone", (await page.getByText(banner).count()) === 0);

  // ---- who did what
  await page.goto(`${told.url}/console/acts?kind=visits`);
  const visit = page.locator("tbody tr", { hasText: "ticket 4711" }).filter({ hasText: told.email });
  check("the visit is among what super-admins did, by name and with its reason", await visit.first().waitFor({ timeout: 20_000 }).then(() => true, () => false), await text(page));
  await visit.first().locator("button.row-link").focus();
  await page.keyboard.press("Enter");
  check("a record opens by the keyboard", await page.locator(".detail", { hasText: "admin.entered_tenant" }).waitFor({ timeout: 10_000 }).then(() => true, () => false), await text(page));
  await page.getByRole("button", { name: "Looks" }).click();
  check("looks stand apart", await page.locator("tbody tr", { hasText: "platform.data_read" }).first().waitFor({ timeout: 20_000 }).then(() => true, () => false) && (await page.locator("tbody tr", { hasText: "admin.entered_tenant" }).count()) === 0, await text(page));
  await picture(page, "acts-looks");

  await page.goto(`${told.url}/console`);
  await page.getByRole("button", { name: "Log out" }).click();
  await page.waitForURL("**/login");
  check("logged out, the cookie opens nothing", (await page.evaluate(async () => (await fetch("/v1/admin/me")).status)) === 401);
  check("no page failed", errors.length === 0, errors);
});
