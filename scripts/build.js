// Builds dist/ from src/: `npm run build`, and by `prepare` whenever npm installs the checkout. Types are stripped and
// declarations written, not checked; that is the business of `npm run types`, so that an install is never held up by it.
// Then bundle.js makes the program of it.
//
// The new dist/ is made beside the old one and swapped in, so that a command that starts meanwhile finds one or the
// other. dist/.stamp holds the hash of the sources (source-stamp.js); its time is that of the build's beginning, so
// `find src -newer dist/.stamp` names what changed since.
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { isDistStale, sourceHash } from "./source-stamp.js";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");

if (!existsSync(join(root, "src"))) {
  // An installed package has dist/ and no sources: there is nothing to build.
} else if (compilerPath() === undefined) {
  console.log("build: typescript is not installed, dist/ is left as it is");
} else if (isDistStale(root)) {
  build();
}

function compilerPath() {
  try {
    const manifest = createRequire(import.meta.url).resolve("typescript/package.json");
    return join(dirname(manifest), "bin", "tsc");
  } catch {
    return undefined;
  }
}

function build() {
  const begin = new Date();
  const hash = sourceHash(root);
  const fresh = mkdtempSync(join(root, "node_modules", ".hindsight-build-"));
  try {
    chmodSync(fresh, 0o755);
    compile(fresh);
    copyKernels(fresh);
    bundle(fresh);
    writeFileSync(join(fresh, ".stamp"), `${hash}\n`);
    utimesSync(join(fresh, ".stamp"), begin, begin);
    swap(fresh);
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}

function compile(target) {
  const flags = ["-p", "tsconfig.build.json", "--noCheck", "--outDir", target];
  run("tsc", process.execPath, [compilerPath(), ...flags]);
}

function bundle(target) {
  // The bundler needs a newer Node than this may be.
  const pinned = join(root, "node_modules", "node", "bin", "node");
  const node = existsSync(pinned) ? pinned : process.execPath;
  run("the bundler", node, [join(root, "scripts", "bundle.js"), target]);
}

function run(title, program, words) {
  const { status, error } = spawnSync(program, words, { cwd: root, stdio: ["ignore", 2, 2] });
  if (status === 0) return;
  const reason = error ? `: ${error.message}` : "";
  console.error(`build: ${title} failed${reason}, dist/ is left as it is`);
  process.exit(status || 1);
}

/** WebAssembly lies beside the code that loads it, here and there. */
function copyKernels(target) {
  for (const path of readdirSync(join(root, "src"), { recursive: true })) {
    if (path.endsWith(".wasm")) cpSync(join(root, "src", path), join(target, path));
  }
}

/** Puts `fresh` in the place of dist/; when two builds end at once, the last one stays. */
function swap(fresh) {
  const dist = join(root, "dist");
  const old = `${fresh}-old`;
  for (let attempt = 1; ; attempt += 1) {
    try {
      if (existsSync(dist)) renameSync(dist, old);
      renameSync(fresh, dist);
      break;
    } catch (error) {
      if (attempt === 5) throw error;
      rmSync(old, { recursive: true, force: true });
    }
  }
  rmSync(old, { recursive: true, force: true });
}
