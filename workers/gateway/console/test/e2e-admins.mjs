// A super-admin who is a person, in a real Chromium: logs in with a second factor, visits a company, and leaves. Reads what
// it has to know as JSON from the standard input; ends with 1 where a check did not hold.
import { execFileSync } from "node:child_process";
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { chromium } from "playwright-core";

const axeSource = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const told = JSON.parse(readFileSync(0, "utf8"));
const pictures = process.env.TENANTRY_SCREENSHOTS;
let held = 0;
let failed = 0;
function check(what, holds, detail = "") {
  if (holds) ++held;
  else ++failed;
  console.log(`${holds ? "  ok  " : "FAILED"} ${what}${holds ? "" : `: ${String(detail).slice(0, 1500)}`}`);
}

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu"] });
const context = await browser.newContext({ viewport: { width: 1360, height: 860 }, locale: "en-GB", reducedMotion: "reduce" });
await context.addInitScript(() => localStorage.setItem("language", "en"));
const page = await context.newPage();
page.setDefaultTimeout(30_000);
const errors = [];
page.on("pageerror", (error) => errors.push(error.message));

const shows = (text) => page.getByText(text, { exact: false }).first().waitFor().then(() => true, () => false);
const text = () => page.evaluate(() => document.body.innerText);
// The step after the present one: that one may have been used when the factor was set up.
function code() {
  const at = new Date(Date.now() + (told.clockAhead + 30) * 1000).toISOString();
  return execFileSync("oathtool", ["--totp", "-b", "--now", `${at.slice(0, 10)} ${at.slice(11, 19)} UTC`, told.secret], { encoding: "utf8" }).trim();
}
async function axe(name) {
  await page.evaluate(axeSource);
  const found = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
  const serious = found.violations.filter((one) => ["serious", "critical"].includes(one.impact));
  check(`axe finds nothing serious in ${name}`, serious.length === 0, JSON.stringify(serious.map((one) => [one.id, one.nodes.slice(0, 2).map((node) => node.html)])));
}

try {
  await page.goto(`${told.url}/login?as=admin`);
  await page.locator("input[name=username]").fill(told.email);
  await page.locator("input[name=password]").fill(told.password);
  await page.locator("form button[type=submit]").click();
  await page.locator("input[name=one-time-code]").fill(code());
  await page.locator("form button[type=submit]").click();
  await page.waitForURL("**/console");
  check("a super-admin logs in by address, password and code", await shows(told.email), await text());
  check("the menu is the super-admins'", await shows("Dead letters"), await text());
  await page.goto(`${told.url}/console/account`);
  check("the account shows its sessions", await shows("This one"), await text());
  await axe("a super-admin's account");

  await page.goto(`${told.url}/console/tenants/${told.tenant}`);
  await page.getByRole("button", { name: "Visit…" }).click();
  await page.getByLabel("Reason").fill("ticket 4711");
  await page.getByRole("button", { name: "Visit", exact: true }).click();
  const banner = `You are visiting ${told.company} as a super-admin`;
  check("a visit begins, and says so", await shows(banner), await text());
  check("with its reason", await shows("ticket 4711"), await text());
  await page.goto(`${told.url}/console/users`);
  check("the company's people are seen", await shows(told.owner), await text());
  check("under the banner", await shows(banner), await text());
  check("nobody can be invited", (await page.getByRole("button", { name: "Invite somebody" }).count()) === 0);
  check("the own account is out of the way", (await page.getByRole("link", { name: "My account" }).count()) === 0);
  await axe("a visit");
  if (pictures) await page.screenshot({ path: join(pictures, "visit.png") });
  const refused = await page.evaluate(async () => {
    const answer = await fetch("/v1/clients", { method: "POST", headers: { "Content-Type": "application/json", "X-Tenantry": "1" }, body: JSON.stringify({ name: "x" }) });
    return [answer.status, (await answer.json()).code];
  });
  check("and the server refuses what the page does not show", refused[0] === 403 && refused[1] === "read_only", refused);
  await page.getByRole("button", { name: "End the visit" }).click();
  await page.waitForURL(`**/console/tenants/${told.tenant}`);
  check("the visit ends where it began", await shows("What happens next"), await text());
  check("and the banner is gone", (await page.getByText(banner).count()) === 0);
  await page.goto(`${told.url}/console`);
  await page.getByRole("button", { name: "Log out" }).click();
  await page.waitForURL("**/login");
  check("logged out, the cookie opens nothing", (await page.evaluate(async () => (await fetch("/v1/admin/me")).status)) === 401);
  check("no page failed", errors.length === 0, errors);
} catch (error) {
  check("the way through", false, `${error}\n${await text()}`);
}
await browser.close();
console.log(`${held} checks held, ${failed} did not`);
process.exit(failed === 0 ? 0 : 1);
