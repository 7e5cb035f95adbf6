// The live tail in a real Chromium while its gateway is killed. Does what it is told, a JSON line on the standard input
// each, and answers each with one on the standard output; what it was told and what it saw is judged by who asked.
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu"] });
const context = await browser.newContext({ viewport: { width: 1360, height: 860 }, locale: "en-GB", reducedMotion: "reduce" });
await context.addInitScript(() => {
  localStorage.setItem("language", "en");
  addEventListener("securitypolicyviolation", (event) => console.warn(`CSP ${event.violatedDirective} ${event.blockedURI} ${event.sample}`));
});
context.setDefaultTimeout(60_000);
const pages = new Map();
const streams = new Map();
const complaints = [];

async function open(name) {
  const page = await context.newPage();
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("console", (message) => message.text().startsWith("CSP ") && complaints.push(message.text()));
  streams.set(name, 0);
  page.on("request", (request) => request.url().includes("/audit/tail") && streams.set(name, streams.get(name) + 1));
  pages.set(name, page);
  return page;
}

const acts = {
  async logIn({ url, tenant, email, password }) {
    const page = await open("login");
    await page.goto(`${url}/login?tenant=${tenant}`);
    await page.locator("input[name=username]").fill(email);
    await page.locator("input[name=password]").fill(password);
    await page.locator("form button[type=submit]").click();
    await page.waitForURL("**/console");
    await page.close();
  },
  async follow({ page: name, url, search }) {
    const page = await open(name);
    await page.goto(`${url}/console/tail?q=${encodeURIComponent(search)}`);
    await page.getByText("Following").waitFor();
  },
  async state({ page: name, text }) {
    await pages.get(name).locator(".page-head .chip", { hasText: text }).waitFor();
  },
  // The types shown, oldest first, once there are as many.
  async rows({ page: name, count }) {
    const page = pages.get(name);
    await page.waitForFunction((count) => document.querySelectorAll("tbody tr").length >= count, count).catch(() => undefined);
    return (await page.locator("tbody tr td:first-child").allInnerTexts()).map((text) => text.trim()).reverse();
  },
  async streams({ page: name }) { return streams.get(name); },
  async close({ page: name }) { await pages.get(name).close(); },
  async complaints() { return complaints; },
};

for await (const line of createInterface({ input: process.stdin })) {
  const { act, ...told } = JSON.parse(line);
  const answer = await acts[act](told).then((value) => ({ value: value ?? null }), (error) => ({ error: error.message }));
  console.log(JSON.stringify(answer));
}
await browser.close();
