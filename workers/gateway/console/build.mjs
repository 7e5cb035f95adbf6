// Bundles the console into dist/ (or the folder named), the same bytes wherever it runs: names by content, no times, no
// paths. `--check` compares instead, and fails where dist/ is not what the sources give.
import { build } from "esbuild";
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));

// A view is a file of src/views/: there is no list to forget it in.
export const everyView = {
  name: "views",
  setup(builder) {
    builder.onResolve({ filter: /^views:all$/ }, () => ({ path: "views:all", namespace: "views" }));
    builder.onLoad({ filter: /.*/, namespace: "views" }, () => {
      const files = readdirSync(join(here, "src/views")).filter((file) => file.endsWith(".tsx")).sort();
      const imports = files.map((file, i) => `import { view as v${i} } from "./src/views/${file}";`);
      return { contents: `${imports.join("\n")}\nexport const views = [${files.map((_, i) => `v${i}`).join(", ")}];`, resolveDir: here };
    });
  },
};

async function bundle() {
  const result = await build({
    absWorkingDir: here,
    entryPoints: { app: "src/main.tsx", style: "src/style.css" },
    outdir: "out",
    bundle: true,
    minify: true,
    write: false,
    format: "esm",
    target: ["chrome111", "firefox113", "safari16.4"],
    jsx: "automatic",
    jsxImportSource: "preact",
    legalComments: "none",
    charset: "utf8",
    plugins: [everyView],
  });
  const files = new Map();
  const names = {};
  for (const file of result.outputFiles) {
    const [stem, extension] = file.path.split("/").pop().split(".");
    const hash = createHash("sha256").update(file.contents).digest("hex").slice(0, 12);
    names[stem] = `${stem}-${hash}.${extension}`;
    files.set(names[stem], Buffer.from(file.contents));
  }
  files.set("icon.svg", readFileSync(join(here, "src/icon.svg")));
  const page = readFileSync(join(here, "src/index.html"), "utf8")
    .replace("{app}", names.app)
    .replace("{style}", names.style);
  files.set("index.html", Buffer.from(page));
  return files;
}

function differences(files, folder) {
  const there = new Set(readdirSync(folder));
  const found = [...files].filter(([name, bytes]) => !there.delete(name) || !readFileSync(join(folder, name)).equals(bytes));
  return [...found.map(([name]) => `${name} differs or is missing`), ...[...there].map((name) => `${name} is none of the bundle's`)];
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const check = process.argv.includes("--check");
  const folder = join(here, "dist");
  const files = await bundle();
  if (check) {
    const found = differences(files, folder);
    if (found.length > 0) {
      console.error(`dist/ is not what src/ gives; run: node build.mjs\n${found.join("\n")}`);
      process.exit(1);
    }
  } else {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    for (const [name, bytes] of files) writeFileSync(join(folder, name), bytes);
  }
  for (const [name, bytes] of files) console.log(`${String(bytes.length).padStart(8)}  ${name}`);
}
