// Runs the tests of what is pure: each *.test.ts here, bundled with the modules it is about.
import { build } from "esbuild";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { everyView } from "../build.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const out = mkdtempSync(join(tmpdir(), "console-test-"));
const tests = readdirSync(here).filter((file) => file.endsWith(".test.ts"));
await build({
  absWorkingDir: dirname(here), entryPoints: tests.map((file) => join(here, file)), outdir: out, outExtension: { ".js": ".mjs" }, bundle: true, platform: "node",
  format: "esm", target: "node18", jsx: "automatic", jsxImportSource: "preact", plugins: [everyView], logLevel: "warning",
});
const run = spawnSync(process.execPath, ["--test", ...tests.map((file) => join(out, file.replace(/\.ts$/, ".mjs")))], { stdio: "inherit", env: { ...process.env, CONSOLE: dirname(here) } });
rmSync(out, { recursive: true });
process.exit(run.status ?? 1);
