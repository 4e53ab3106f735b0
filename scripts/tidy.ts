// The habits of this codebase that neither compiler nor lint checks, as functions from files to findings. tidy.test.ts
// runs them over the whole checkout as part of the unit tests.
// Next: tidy-code.ts and tidy-docs.ts, the rules; CONTRIBUTING.md, the reasons.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { codeRules } from "./tidy-code.ts";
import { docRules } from "./tidy-docs.ts";
import type { SourceFile } from "./tidy-rule.ts";

const TEXT_FILE =
  /\.(?:ts|js|cjs|json|md|sh|yml)$|^(?:bin|\.ci)\/|^(?:LICENSE|\.npmrc|\.gitignore)$/;
const NOT_OURS = new Set([
  ".git",
  "node_modules",
  "dist",
  "fixtures",
  "package-lock.json",
  "LICENSE",
]);

/** The text files of a checkout that are ours to keep tidy, sorted by path. */
export function readCheckout(root: string): readonly SourceFile[] {
  const walk = (directory: string): readonly SourceFile[] =>
    readdirSync(join(root, directory), { withFileTypes: true }).flatMap((entry) => {
      const path = directory === "" ? entry.name : `${directory}/${entry.name}`;
      if (NOT_OURS.has(entry.name) || entry.name.startsWith("hindsight-demo")) return [];
      if (entry.isDirectory()) return walk(path);
      if (!TEXT_FILE.test(path)) return [];
      return [{ path, text: readFileSync(join(root, path), "utf8") }];
    });
  return walk("").toSorted((left, right) => (left.path < right.path ? -1 : 1));
}

/** Everything that is wrong with the files, one line of text each: `path:line: message`. */
export function inspect(files: readonly SourceFile[]): readonly string[] {
  return files
    .flatMap((file) => [...codeRules, ...docRules].flatMap((rule) => rule(file, files)))
    .map((finding) => `${finding.path}:${finding.line}: ${finding.message}`);
}
