// Real logs, for tests. Each file holds the log of several starts of a server of one major version, below `# name`;
// they were captured by restoring a backup and recovering it to each kind of target, or breaking it in each way.
// Repeated lines were left out, paths shortened.
import { readFileSync } from "node:fs";
import { join } from "node:path";

/** The lines of one start. */
export function readSample(file: string, name: string): readonly string[] {
  const text = readFileSync(join(import.meta.dirname, `${file}.log`), "utf8");
  const section = text.split(/^# /m).find((part) => part.startsWith(`${name}\n`));
  if (section === undefined) throw new Error(`${file}.log has no sample "${name}"`);
  return section.trimEnd().split("\n").slice(1);
}

/** The names in a file. */
export function sampleNames(file: string): readonly string[] {
  const text = readFileSync(join(import.meta.dirname, `${file}.log`), "utf8");
  return [...text.matchAll(/^# (.+)$/gm)].map((match) => match[1] ?? "");
}
