// Clears the way for a restore that keeps what is right: removes whatever the backup does not have, or has as something
// else. Contents are not looked at. Links are always removed, never followed; those that belong there are made anew.
import { type BytePath, joinPath, ROOT_PATH } from "../model/byte-path.ts";
import type { ManifestEntry } from "../repository/manifest.ts";
import { LOST_AND_FOUND } from "./destination.ts";
import { MARKER_FILE } from "./marker.ts";
import type { OpenTree } from "./open-tree.ts";
import type { TreePath } from "./places.ts";

/** What belongs into each tree: about a hundred bytes of memory a file. */
export type Belongings = ReadonlyMap<OpenTree, ReadonlyMap<BytePath, "file" | "directory">>;

const KEPT_NAMES: ReadonlySet<string> = new Set([MARKER_FILE, LOST_AND_FOUND]);

/** Reads what a manifest brings to which place; what is not written belongs nowhere. */
export async function readBelongings(
  entries: AsyncIterable<ManifestEntry>,
  placeOf: (path: BytePath) => TreePath,
  isWritten: (path: BytePath) => boolean,
): Promise<Belongings> {
  const belongings = new Map<OpenTree, Map<BytePath, "file" | "directory">>();
  for await (const entry of entries) {
    if (!isWritten(entry.path)) continue;
    const { tree, path } = placeOf(entry.path);
    const known = belongings.get(tree) ?? new Map<BytePath, "file" | "directory">();
    belongings.set(tree, known);
    // A link other than a tablespace's becomes a directory; a tablespace's is removed as every link is.
    known.set(path, entry.kind === "file" ? "file" : "directory");
  }
  return belongings;
}

/**
 * Removes what does not belong.
 *
 * @param only names at the top that are looked at; all when left out. A tablespace's location may hold what is not ours.
 */
export async function prune(
  tree: OpenTree,
  { belongings, only }: { readonly belongings: Belongings; readonly only?: readonly string[] },
  signal: AbortSignal,
): Promise<void> {
  const known = belongings.get(tree) ?? new Map<BytePath, "file" | "directory">();
  const waiting: BytePath[] = [ROOT_PATH];
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    for (const { name, kind } of await tree.list(path)) {
      signal.throwIfAborted();
      const isTop = path === ROOT_PATH;
      if (isTop && (KEPT_NAMES.has(name) || (only && !only.includes(name)))) continue;
      const child = joinPath(path, name);
      const belongs = known.get(child) === kind;
      if (belongs && kind === "directory") waiting.push(child);
      else if (!belongs && kind === "directory") await tree.removeDirectory(child, signal);
      else if (!belongs) await tree.removeFile(child);
    }
  }
}
