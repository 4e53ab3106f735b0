// Where npm put things: the root of this package, and the packages that it needs at run time, found the way Node finds
// them. Native code comes as optional packages of which only this machine's is installed.
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";

interface PackageFile {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

/** The directory of this package: a checkout, or what npm installed. Works from `src/` and from `dist/`. */
export function packageRoot(start: string = import.meta.dirname): string {
  for (let directory = start; ; directory = dirname(directory)) {
    if (existsSync(join(directory, "package.json"))) return directory;
    if (directory === dirname(directory)) throw new Error(`no package.json above ${start}`);
  }
}

/** The directory of an installed package as seen from `from`, or undefined when it is not installed. */
export function findPackage(name: string, from: string): string | undefined {
  for (let directory = from; ; directory = dirname(directory)) {
    const candidate = join(directory, "node_modules", name);
    if (existsSync(join(candidate, "package.json"))) return candidate;
    if (directory === dirname(directory)) return undefined;
  }
}

/**
 * The directories of all packages that a package needs at run time, directly or through others, without itself.
 * Embedded PostgreSQL is left out: it is staged by major.
 */
export async function runtimeClosure(root: string): Promise<readonly string[]> {
  const found = new Set<string>();
  const pending = [root];
  for (let from = pending.pop(); from !== undefined; from = pending.pop()) {
    for (const name of await neededBy(from)) {
      const directory = findPackage(name, from);
      if (directory === undefined || found.has(directory)) continue;
      found.add(directory);
      pending.push(directory);
    }
  }
  return [...found].toSorted();
}

async function neededBy(directory: string): Promise<readonly string[]> {
  const text = await readFile(join(directory, "package.json"), "utf8");
  const { dependencies = {}, optionalDependencies = {} } = JSON.parse(text) as PackageFile;
  return Object.keys({ ...dependencies, ...optionalDependencies }).filter(
    (name) => !/^postgres-\d+-/.test(name),
  );
}
