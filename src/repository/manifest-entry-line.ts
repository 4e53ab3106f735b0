// The lines of a manifest after the first, as strict JSON: packs, entries, and the counts at the end. What must hold
// between lines is checked in manifest-check.ts and manifest.ts.
import { parseBackupLabel } from "../model/backup-label.ts";
import {
  type Extent,
  EXTENTS_INLINE_MAX_COUNT,
  type FileExtents,
  findExtentFault,
  isExtentMapRef,
} from "./extent-map.ts";
import type { ManifestCounts, ManifestEntry } from "./manifest-lines.ts";
import { formatPath, parseBytes, parseEntryPath } from "./manifest-path.ts";
import { PACK_BLOB_COUNT_MAX, PACK_NUMBER_END, type PackEntry } from "./pack-format.ts";
import {
  asInteger,
  isArray,
  type Json,
  JsonFields,
  JsonShapeError,
  parseStrictJson,
} from "./strict-json.ts";

const MODE_MAX = 0o7777;

/** One line of the pack table. */
export function formatPackLine(pack: PackEntry): string {
  const { label, number, sizeBytes, sha256, blobCount } = pack;
  return JSON.stringify({ label, number, sizeBytes, sha256, blobCount });
}

/** @throws {JsonShapeError} and what parsers of nouns throw. */
export function parsePackLine(line: string): PackEntry {
  const fields = new JsonFields(parseStrictJson(line));
  const pack = {
    label: parseBackupLabel(fields.text("label")),
    number: fields.integer("number", PACK_NUMBER_END - 1),
    sizeBytes: fields.integer("sizeBytes"),
    sha256: fields.sha256("sha256"),
    blobCount: fields.integer("blobCount", PACK_BLOB_COUNT_MAX),
  };
  fields.end();
  return pack;
}

/** One line of an entry. */
export function formatEntryLine(entry: ManifestEntry): string {
  const path = formatPath(entry.path);
  switch (entry.kind) {
    case "directory":
      return JSON.stringify({ directory: path, mode: entry.mode });
    case "link":
      return JSON.stringify({ link: path, target: formatPath(entry.target) });
    case "file": {
      const { mode, sizeBytes, modifiedAt, sha256, extents } = entry;
      const digest = sha256 ?? null;
      const at = modifiedAt.toString();
      const facts = { file: path, mode, sizeBytes, modifiedAt: at, sha256: digest };
      if (isExtentMapRef(extents)) {
        const { pack, blob, uses } = extents;
        return JSON.stringify({ ...facts, map: [pack, blob], uses });
      }
      return JSON.stringify({ ...facts, extents: extents.map(formatExtent) });
    }
  }
}

/**
 * @param packCount how many packs the table has.
 * @throws {JsonShapeError} and what parsers of nouns throw.
 */
export function parseEntryLine(line: string, packCount: number): ManifestEntry {
  const fields = new JsonFields(parseStrictJson(line));
  const entry = fields.has("file")
    ? parseFile(fields, packCount)
    : fields.has("link")
      ? parseLink(fields)
      : parseDirectory(fields);
  fields.end();
  return entry;
}

function parseDirectory(fields: JsonFields): ManifestEntry {
  const path = parseEntryPath(fields.any("directory"));
  return { kind: "directory", path, mode: fields.integer("mode", MODE_MAX) };
}

function parseLink(fields: JsonFields): ManifestEntry {
  const path = parseEntryPath(fields.any("link"));
  const target = parseBytes(fields.any("target"));
  if (path === "" || target === "") throw new JsonShapeError("a link has no name or no target");
  return { kind: "link", path, target };
}

function parseFile(fields: JsonFields, packCount: number): ManifestEntry {
  const path = parseEntryPath(fields.any("file"));
  if (path === "") throw new JsonShapeError("a file has no name");
  const sizeBytes = fields.integer("sizeBytes");
  return {
    kind: "file",
    path,
    mode: fields.integer("mode", MODE_MAX),
    sizeBytes,
    modifiedAt: fields.instant("modifiedAt"),
    sha256: fields.optional("sha256", (from, key) => from.sha256(key)),
    extents: fields.has("map")
      ? parseMapRef(fields, packCount)
      : parseExtents(fields, { sizeBytes, packCount }),
  };
}

function formatExtent({ lengthBytes, source }: Extent): Json {
  if (!source) return [lengthBytes];
  return [lengthBytes, source.pack, source.blob, source.blobOffsetBytes];
}

function parseExtents(
  fields: JsonFields,
  file: { readonly sizeBytes: number; readonly packCount: number },
): readonly Extent[] {
  const values = fields.array("extents");
  if (values.length > EXTENTS_INLINE_MAX_COUNT) {
    throw new JsonShapeError(`a line has ${values.length} extents`);
  }
  const extents: Extent[] = [];
  let fileOffsetBytes = 0;
  for (const value of values) {
    const extent = parseExtent(value, fileOffsetBytes);
    fileOffsetBytes += extent.lengthBytes;
    extents.push(extent);
  }
  const fault = findExtentFault(extents, file);
  if (fault !== undefined) throw new JsonShapeError(fault);
  return extents;
}

function parseExtent(value: Json, fileOffsetBytes: number): Extent {
  if (!isArray(value) || (value.length !== 1 && value.length !== 4)) {
    throw new JsonShapeError("an extent is malformed");
  }
  const numbers = value.map((part) => asInteger(part, "extents", Number.MAX_SAFE_INTEGER));
  const [lengthBytes = 0, pack, blob = 0, blobOffsetBytes = 0] = numbers;
  const source = pack === undefined ? undefined : { pack, blob, blobOffsetBytes };
  return { fileOffsetBytes, lengthBytes, source };
}

function parseMapRef(fields: JsonFields, packCount: number): FileExtents {
  const [pack, blob, ...rest] = fields.array("map");
  if (rest.length > 0 || packCount === 0) throw new JsonShapeError("an extent map is malformed");
  return {
    pack: asInteger(pack, "map", packCount - 1),
    blob: asInteger(blob, "map", PACK_BLOB_COUNT_MAX - 1),
    uses: parseUses(fields, packCount),
  };
}

function parseUses(fields: JsonFields, packCount: number): readonly number[] {
  let before = -1;
  return fields.array("uses").map((value) => {
    const index = asInteger(value, "uses", packCount - 1);
    if (index <= before) throw new JsonShapeError("the packs of an extent map are not ascending");
    before = index;
    return index;
  });
}

/** The last line. */
export function formatCountsLine(counts: ManifestCounts): string {
  const { directories, files, links, sizeBytes } = counts;
  return JSON.stringify({ directories, files, links, sizeBytes });
}

/** @throws {JsonShapeError} */
export function parseCountsLine(line: string): ManifestCounts {
  const fields = new JsonFields(parseStrictJson(line));
  const counts = {
    directories: fields.integer("directories"),
    files: fields.integer("files"),
    links: fields.integer("links"),
    sizeBytes: fields.integer("sizeBytes"),
  };
  fields.end();
  return counts;
}
