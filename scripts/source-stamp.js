// Tells whether dist/ was built from the sources as they are. Plain JavaScript for Node 18 and later: it runs before the
// pinned Node is installed. Next: build.js, which writes the stamp, and ensure-installed.js, which asks.
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, utimesSync } from "node:fs";
import { join } from "node:path";

/** Files outside src/ that change what the build makes of it. */
const BUILD_INPUTS = ["tsconfig.json", "tsconfig.build.json", "package.json"];

/** A hash over names and contents of everything that dist/ is made of, in hexadecimal. */
export function sourceHash(root) {
  const hash = createHash("sha256");
  for (const path of [...BUILD_INPUTS, ...sourceFiles(root, "src")]) {
    hash
      .update(`${path}\0`)
      .update(readFileSync(join(root, path)))
      .update("\0");
  }
  return hash.digest("hex");
}

/** Whether dist/ is missing or was built from other sources. */
export function isDistStale(root) {
  const stamp = join(root, "dist", ".stamp");
  return !existsSync(stamp) || readFileSync(stamp, "utf8").trim() !== sourceHash(root);
}

/**
 * Says that dist/ fits the sources although their times are newer, as after a checkout of the same content: the launcher
 * compares times.
 */
export function renewStamp(root, time) {
  utimesSync(join(root, "dist", ".stamp"), time, time);
}

function sourceFiles(root, directory) {
  return readdirSync(join(root, directory), { withFileTypes: true })
    .sort((left, right) => (left.name < right.name ? -1 : 1))
    .flatMap((entry) => {
      const path = `${directory}/${entry.name}`;
      if (entry.isDirectory()) return sourceFiles(root, path);
      return /(?<!\.test)\.(?:ts|wasm)$/.test(entry.name) ? [path] : [];
    });
}
