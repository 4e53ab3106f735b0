// What a directory holds, for "nothing was changed": every file below it with its size, mode and content.
import { createHash } from "node:crypto";
import { lstat, readdir, readFile, readlink } from "node:fs/promises";
import { join } from "node:path";

/** One line a file, directory or link, sorted by path: kind, mode, size and a hash of the content. */
export async function snapshotTree(root: string): Promise<readonly string[]> {
  const names = await readdir(root, { recursive: true });
  return await Promise.all(names.toSorted().map(async (name) => describe(root, name)));
}

async function describe(root: string, name: string): Promise<string> {
  const path = join(root, name);
  const status = await lstat(path);
  const mode = (status.mode & 0o7777).toString(8);
  if (status.isSymbolicLink()) return `${name} link ${await readlink(path)}`;
  if (!status.isFile()) return `${name} directory ${mode}`;
  const hash = createHash("sha256")
    .update(await readFile(path))
    .digest("hex");
  return `${name} file ${mode} ${status.size} ${hash}`;
}
