// What a person waits for, in a real Chromium: how long views take, keys, scrolling, and what a tail costs a page. Does what it
// is told, a JSON line on the standard input each, and answers each with one on the standard output: figures, and no verdict
// (tests/bench/benches/console.py knows the budgets).
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu", "--js-flags=--expose-gc"] });
const pages = new Map();
let url = "";

// Kept by the page: from each press of a key or a button to the frame that it led to.
function watchPresses() {
  globalThis.presses = [];
  const onPress = (event) => requestAnimationFrame(() => {
    const painted = new MessageChannel();
    painted.port1.onmessage = () => globalThis.presses.push(performance.now() - event.timeStamp);
    painted.port2.postMessage(0);
  });
  for (const type of ["keydown", "click"]) addEventListener(type, onPress, { capture: true });
}

async function context(cookies = []) {
  const made = await browser.newContext({ viewport: { width: 1360, height: 860 }, locale: "en-GB", reducedMotion: "reduce" });
  made.setDefaultTimeout(60_000);
  await made.addInitScript(() => localStorage.setItem("language", "en"));
  await made.addInitScript(watchPresses);
  await made.addCookies(cookies);
  return made;
}

const settled = (page) => page.waitForFunction(() => document.querySelector("h1") && !document.querySelector(".skeleton"));
async function noError(page) {
  const found = await page.locator(".error-box").allInnerTexts();
  if (found.length > 0) throw new Error(`${page.url()}: ${found.join("; ")}`);
}

// From within the page as a click on a link does it: until the view's own heading stands and nothing of it is waiting.
const go = (page, path) => page.evaluate((path) => new Promise((done, fail) => {
  const before = document.querySelector("h1");
  const link = document.createElement("a");
  link.href = path;
  document.body.append(link);
  const began = performance.now();
  link.click();
  link.remove();
  const look = () => {
    const heading = document.querySelector("h1");
    if (heading && heading !== before && !document.querySelector(".skeleton")) return done(performance.now() - began);
    if (performance.now() - began > 60_000) return fail(new Error(`${path} does not come`));
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
}), path);

const heapOf = async (page) => {
  const devtools = await page.context().newCDPSession(page);
  await devtools.send("HeapProfiler.collectGarbage");
  const { usedSize } = await devtools.send("Runtime.getHeapUsage");
  await devtools.detach();
  return usedSize;
};

const acts = {
  async admin({ at, token }) {
    url = at;
    const page = await (await context()).newPage();
    await page.goto(`${url}/login?as=token`);
    await settled(page);
    await page.locator("input[name=name]").fill("Ada Lovelace");
    await page.locator("input[name=token]").fill(token);
    await page.locator("form button[type=submit]").click();
    await page.waitForURL("**/console");
    await settled(page);
    pages.set("admin", page);
  },
  async member({ at, tenant, email, password }) {
    url = at;
    const page = await (await context()).newPage();
    await page.goto(`${url}/login?tenant=${tenant}`);
    await settled(page);
    await page.locator("input[name=username]").fill(email);
    await page.locator("input[name=password]").fill(password);
    await page.locator("form button[type=submit]").click();
    await page.waitForURL("**/console");
    await settled(page);
    pages.set("member", page);
  },
  // A browser that has never been here: milliseconds from the navigation until its first view stands.
  async cold({ who, path, times }) {
    const cookies = who ? await pages.get(who).context().cookies() : [];
    const found = [];
    for (let i = 0; i < times; ++i) {
      const fresh = await context(cookies);
      const page = await fresh.newPage();
      const began = performance.now();
      await page.goto(url + path, { waitUntil: "commit" });
      await page.waitForFunction(() => document.querySelector("h1") && !document.querySelector(".skeleton"), undefined, { polling: "raf" });
      found.push(performance.now() - began);
      await noError(page);
      await fresh.close();
    }
    return found;
  },
  // Each view so many times, by turns, after each was seen once: milliseconds by its path.
  async views({ who, paths, times }) {
    const page = pages.get(who);
    const found = Object.fromEntries(paths.map((path) => [path, []]));
    for (let i = 0; i <= times; ++i) {
      for (const path of paths) {
        if (i === 0 && new URL(page.url()).pathname === path) continue;  // there already
        const took = await go(page, path);
        await noError(page);
        if (i > 0) found[path].push(took);
      }
    }
    return found;
  },
  // Keys and buttons as a super-admin presses them: milliseconds from each to the next frame.
  async presses({ rounds }) {
    const page = pages.get("admin");
    await go(page, "/console/stripe");
    await go(page, "/console/tenants");
    await page.evaluate(() => { globalThis.presses = []; });
    for (let i = 0; i < rounds; ++i) {
      await page.locator("h1").click();
      for (const key of ["j", "j", "j", "k", "/"]) await page.keyboard.press(key);
      await page.keyboard.type("bench-00", { delay: 30 });
      await page.waitForURL("**q=bench-00");
      await settled(page);
      for (let k = 0; k < 8; ++k) await page.keyboard.press("Backspace");
      await page.waitForURL((now) => !now.search.includes("q="));
      await settled(page);
      await page.keyboard.press("Control+k");
      await page.getByRole("combobox").waitFor();
      await page.keyboard.type("audit", { delay: 30 });
      await page.keyboard.press("ArrowDown");
      await page.keyboard.press("Escape");
      await page.getByRole("combobox").waitFor({ state: "detached" });
      for (const name of ["Trial", "All"]) {
        await page.locator("button.facet", { hasText: name }).first().click();
        await settled(page);
      }
    }
    await noError(page);
    return page.evaluate(() => globalThis.presses);
  },
  // As many rows as a page draws, from top to bottom and back: milliseconds between frames.
  async scroll({ path, seconds }) {
    const page = pages.get("admin");
    await go(page, "/console/stripe");
    await go(page, path);
    for (;;) {
      const more = page.getByRole("button", { name: "Show more" });
      if ((await more.count()) === 0) break;
      const before = await page.locator("tbody tr").count();
      await more.click();
      await page.waitForFunction((before) => document.querySelectorAll("tbody tr").length > before, before);
    }
    const frames = await page.evaluate((seconds) => new Promise((done) => {
      const found = [];
      let last = performance.now();
      const end = last + seconds * 1000;
      let by = 25;
      const step = () => {
        const now = performance.now();
        found.push(now - last);
        last = now;
        scrollBy(0, by);
        if (scrollY <= 0) by = 25;
        else if (scrollY + innerHeight >= document.documentElement.scrollHeight - 1) by = -25;
        if (now < end) requestAnimationFrame(step);
        else done(found.slice(1));
      };
      requestAnimationFrame(step);
    }), seconds);
    return { rows: await page.locator("tbody tr").count(), frames };
  },
  async tail({ search }) {
    const page = pages.get("admin");
    await go(page, `/console/tail?q=${encodeURIComponent(search)}`);
    await page.getByText("Following").waitFor();
    // Every record is counted in the page's own words: how many it shows, and how many it let go.
  },
  async heap() { return heapOf(pages.get("admin")); },
  async tailed() {
    const page = pages.get("admin");
    const words = await page.locator("main").innerText();
    const gone = /([\d,]+) records? more came/.exec(words);
    return { rows: await page.locator("tbody tr").count(), gone: gone ? Number(gone[1].replaceAll(",", "")) : 0 };
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const { act, ...told } = JSON.parse(line);
  const answer = await acts[act](told).then((value) => ({ value: value ?? null }), (error) => ({ error: error.message }));
  console.log(JSON.stringify(answer));
}
await browser.close();
