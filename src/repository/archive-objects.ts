// Every object of one cluster's WAL archive, as names say it: for whoever removes or checks them. Listed folder by folder,
// so that memory is bounded by the 256 segments (of 16 MiB) of one folder.
import type { Context } from "../base/context.ts";
import { type Timeline, parseTimelineDigits } from "../model/timeline.ts";
import { listAll, listNames, type ObjectKey, type ObjectStat } from "../storage/object-store.ts";
import { archivePrefix } from "./keys.ts";
import { archiveId } from "./stanza.ts";
import { parseGapName, type WalArchive, type WalGap } from "./wal-archive.ts";

/** One object. `segment` is the name of the segment that it is, or that it belongs to. */
export type ArchiveObject = { readonly key: ObjectKey; readonly sizeBytes: number } & (
  | { readonly kind: "segment" | "index" | "partial" | "backup"; readonly segment: string }
  | { readonly kind: "history"; readonly timeline: Timeline }
  | ({ readonly kind: "gap" } & WalGap)
  | { readonly kind: "unknown" }
);

const FOLDER = /^[0-9A-F]{16}\/$/;
const FILE = /^([0-9A-F]{24})(?:(\.index-[1-9][0-9]*)|(\.partial)|(\.[0-9A-F]{8}\.backup))?$/;
const HISTORY = /^([0-9A-F]{8})\.history$/;

/** The objects in the order of their keys; those of gaps and histories come last. */
export async function* listArchiveObjects(
  archive: WalArchive,
  context: Context,
): AsyncGenerator<ArchiveObject, void, undefined> {
  const { store } = archive.repository;
  const prefix = prefixOf(archive);
  for (const folder of await listNames(store, prefix, { signal: context.signal })) {
    if (!folder.endsWith("/")) continue;
    for await (const found of listAll(store, prefix + folder, { signal: context.signal })) {
      yield archiveObject(archive, found);
    }
  }
}

/** What a key of this archive names; undefined for a key elsewhere. */
export function archiveObjectOf(archive: WalArchive, key: ObjectKey): ArchiveObject | undefined {
  return key.startsWith(prefixOf(archive))
    ? archiveObject(archive, { key, sizeBytes: 0 })
    : undefined;
}

function archiveObject(archive: WalArchive, found: ObjectStat): ArchiveObject {
  const [folder = "", name = "", ...rest] = found.key.slice(prefixOf(archive).length).split("/");
  if (rest.length > 0) return { ...found, kind: "unknown" };
  return classify(`${folder}/`, found, name);
}

function prefixOf(archive: WalArchive): string {
  return archivePrefix(archive.stanza, archiveId(archive.record));
}

function classify(folder: string, found: ObjectStat, name: string): ArchiveObject {
  if (FOLDER.test(folder)) return classifyFile(folder, found, name);
  if (folder === "gap/") {
    const gap = parseGapName(name);
    return gap ? { ...found, kind: "gap", ...gap } : { ...found, kind: "unknown" };
  }
  const [, digits] = HISTORY.exec(name) ?? [];
  if (folder !== "history/" || digits === undefined || digits === "00000000") {
    return { ...found, kind: "unknown" };
  }
  return { ...found, kind: "history", timeline: parseTimelineDigits(digits) };
}

function classifyFile(folder: string, found: ObjectStat, name: string): ArchiveObject {
  const [, segment, index, partial, backup] = FILE.exec(name) ?? [];
  if (segment === undefined || !folder.startsWith(segment.slice(0, 16))) {
    return { ...found, kind: "unknown" };
  }
  if (index !== undefined) return { ...found, kind: "index", segment };
  if (partial !== undefined) return { ...found, kind: "partial", segment };
  return { ...found, kind: backup === undefined ? "segment" : "backup", segment };
}
