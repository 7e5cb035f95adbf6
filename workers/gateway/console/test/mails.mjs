// The links of mails, out of the folder where the tests' mail sink keeps them.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const plain = (text) => Buffer.from(text.replace(/=\r?\n/g, "").replace(/=([0-9A-F]{2})/g, (_, hex) => String.fromCharCode(parseInt(hex, 16))), "latin1").toString("utf8");

/** What follows `#t=` in a mail to the address, of links of this kind ("inv", "pwr"); waits until it is there. */
export async function mailedToken(folder, prefix, address) {
  const deadline = Date.now() + 60_000;
  for (;;) {
    for (const name of readdirSync(folder).filter((each) => each.endsWith(".eml")).sort().reverse()) {
      const mail = plain(readFileSync(join(folder, name), "latin1"));
      const token = new RegExp(`#t=(${prefix}_[A-Za-z0-9_-]{43})`).exec(mail);
      if (token && new RegExp(`^To:.*${address.replaceAll(".", "\\.")}`, "im").test(mail)) return token[1];
    }
    if (Date.now() > deadline) throw new Error(`no mail of ${prefix} to ${address}`);
    await new Promise((done) => setTimeout(done, 50));
  }
}
