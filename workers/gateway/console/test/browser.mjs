// What the tests in a real Chromium share: the browser and its pages, axe, checks that are counted, logins. What a test has
// to know comes as JSON on the standard input. With TENANTRY_SCREENSHOTS it leaves pictures.
import { createRequire } from "node:module";
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { chromium } from "playwright-core";

const axeSource = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
export const told = JSON.parse(readFileSync(0, "utf8"));
export const pictures = process.env.TENANTRY_SCREENSHOTS;
if (pictures) mkdirSync(pictures, { recursive: true });

let held = 0;
const failed = [];
export function check(what, holds, detail = "") {
  if (holds) ++held;
  else failed.push(what);
  console.log(`${holds ? "  ok  " : "FAILED"} ${what}${holds || detail === "" ? "" : `: ${String(detail).slice(0, 1500)}`}`);
}

export const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu"] });
export const violations = [];
export const errors = [];

export async function open(theme, language = "en") {
  const context = await browser.newContext({ viewport: { width: 1360, height: 860 }, locale: language === "fr" ? "fr-FR" : "en-GB", colorScheme: theme, reducedMotion: "reduce" });
  await context.addInitScript(([theme, language]) => {
    localStorage.setItem("theme", theme);
    localStorage.setItem("language", language);
    addEventListener("securitypolicyviolation", (event) => console.warn(`CSP ${event.violatedDirective} ${event.blockedURI} ${event.sample}`));
  }, [theme, language]);
  return watched(await context.newPage());
}
/** A page whose failures count. */
export function watched(page) {
  page.on("console", (message) => {
    if (message.text().startsWith("CSP ")) violations.push(message.text());
  });
  page.on("pageerror", (error) => errors.push(`${page.url()}: ${error.message}`));
  page.on("dialog", (dialog) => { errors.push(`a dialog opened: ${dialog.message()}`); void dialog.dismiss(); });
  return page;
}

export async function axe(page, name) {
  if (!(await page.evaluate(() => "axe" in globalThis))) await page.evaluate(axeSource);
  const found = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
  const serious = found.violations.filter((one) => ["serious", "critical"].includes(one.impact));
  check(`axe finds nothing serious in ${name}`, serious.length === 0, JSON.stringify(serious.map((one) => [one.id, one.nodes.slice(0, 3).map((node) => `${node.html} ${node.failureSummary}`)])));
}

const turnTheme = (page) => page.locator(".preferences button[aria-label]").click();
const turnLanguage = (page) => page.locator(".preferences button[lang]").click();
const isIn = (page, theme, language) => page.waitForFunction(([theme, language]) => document.documentElement.dataset.theme === theme && document.documentElement.lang === language && !document.querySelector(".skeleton"), [theme, language]);
/** As a view is read in both themes and both languages, by the buttons that everybody has; it ends as it began. */
export async function everywhere(page, name, begins = "light") {
  const other = begins === "light" ? "dark" : "light";
  const english = await text(page);
  for (const [turn, theme, language] of [[undefined, begins, "en"], [turnTheme, other, "en"], [turnLanguage, other, "fr"], [turnTheme, begins, "fr"]]) {
    if (turn) await turn(page);
    await isIn(page, theme, language);
    await axe(page, `${name}, ${theme}, ${language}`);
    await picture(page, `${name}-${theme}${language === "fr" ? "-fr" : ""}`);
  }
  check(`${name} is French`, (await text(page)) !== english && !(await text(page)).includes("Loading…"));
  await turnLanguage(page);
  await isIn(page, begins, "en");
}

export async function settle(page) {
  await page.waitForFunction(() => document.querySelector("h1") && !document.querySelector(".skeleton"), undefined, { timeout: 20_000 });
}
export async function picture(page, name) {
  if (pictures) await page.screenshot({ path: join(pictures, `${name}.png`) });
}

/** Whether the text shows within a while. */
export const shows = (page, text) => page.getByText(text, { exact: false }).first().waitFor({ timeout: 15_000 }).then(() => true, () => false);
export const text = (page) => page.evaluate(() => document.body.innerText);

export async function at(page, path, name, wanted) {
  await page.goto(told.url + path);
  await settle(page);
  for (const one of wanted) {
    const there = await page.getByText(one, { exact: false }).first().waitFor({ timeout: 8_000 }).then(() => true, () => false);
    check(`${name} shows “${one}”`, there, there ? "" : await text(page));
  }
  check(`${name} shows no error`, (await page.locator(".error-box").count()) === 0, await page.locator(".error-box").allInnerTexts());
}

export async function adminLogin(page, name = "Ada Lovelace") {
  await page.goto(`${told.url}/login?as=token`);
  await settle(page);
  await page.locator("input[name=name]").fill(name);
  await page.locator("input[name=token]").fill(told.adminToken);
  await page.locator("form button[type=submit]").click();
  await page.waitForURL("**/console");
  await settle(page);
}
export async function beginLogin(page, tenant, address) {
  await page.goto(`${told.url}/login?tenant=${tenant}`);
  await settle(page);
  await page.locator("input[name=username]").fill(address);
  await page.locator("input[name=password]").fill(told.password);
  await page.locator("form button[type=submit]").click();
}
export async function isInside(page) {
  await page.waitForURL("**/console");
  await settle(page);
}
export async function logIn(page, tenant, address) {
  await beginLogin(page, tenant, address);
  await isInside(page);
}
export async function logOut(page) {
  await page.goto(`${told.url}/console`);
  await settle(page);
  await page.getByRole("button", { name: "Log out" }).click();
  await page.waitForURL("**/login");
}
// What an app of somebody else's shows, by the platform's clock.
export function oathtool(secret, ahead = 0) {
  const at = new Date(Date.now() + (told.clockAhead + ahead) * 1000).toISOString();
  return execFileSync("oathtool", ["--totp", "-b", "--now", `${at.slice(0, 10)} ${at.slice(11, 19)} UTC`, secret], { encoding: "utf8" }).trim();
}

/** Runs what a file checks, and ends the process: with 1 where something did not hold. */
export async function run(checks) {
  try {
    await checks();
  } catch (error) {
    failed.push(String(error));
    console.log(`FAILED ${error.stack}`);
    for (const context of browser.contexts()) for (const [i, page] of context.pages().entries()) {
      console.log(`${page.url()}: ${(await text(page).catch(() => "")).slice(0, 600)}`);
      if (pictures) await page.screenshot({ path: join(pictures, `failed-${browser.contexts().indexOf(context)}-${i}.png`) }).catch(() => undefined);
    }
  }
  await browser.close();
  console.log(failed.length === 0 ? `${held} checks held` : `${failed.length} failed, ${held} held:\n${failed.join("\n")}`);
  process.exit(failed.length === 0 ? 0 : 1);
}
