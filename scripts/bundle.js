// Puts the built program into few files: `node scripts/bundle.js DIST`, by build.js. A command of hundreds of modules
// takes longer to find and link them than to run, and archive_command starts one for every WAL segment. What is
// started, the program and the worker threads, lies in DIST/program; what they share, in chunks beside them. CommonJS
// starts sooner than modules do. The library's face, DIST/index.js, stays as the compiler made it.
import { copyFileSync, readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { rolldown } from "rolldown";

const dist = process.argv[2];
const target = join(dist, "program");
const { dependencies } = JSON.parse(
  readFileSync(new URL("../package.json", import.meta.url), "utf8"),
);
const files = readdirSync(dist, { recursive: true });

// In one folder, because a worker and a kernel are addressed relative to whoever starts or loads them.
const workers = files.filter((path) => path.endsWith("-worker.js"));
const started = ["cli/entry.js", ...workers].map((path) => [basename(path, ".js"), path]);
const kernels = files.filter((path) => path.endsWith(".wasm"));

const bundle = await rolldown({
  cwd: dist,
  input: Object.fromEntries(started),
  platform: "node",
  external: Object.keys(dependencies),
  logLevel: "warn",
});
await bundle.write({
  dir: target,
  format: "cjs",
  entryFileNames: "[name].cjs",
  chunkFileNames: "[name].cjs",
});
await bundle.close();
for (const path of kernels) copyFileSync(join(dist, path), join(target, basename(path)));
