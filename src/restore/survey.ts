// One pass over a manifest before anything is written: counts for the plan, and proof that its entries form a tree that
// can be written below the destination.
import { type BytePath, comparePath, showPath } from "../model/byte-path.ts";
import { failure } from "../model/failure.ts";
import type { ManifestEntry, ManifestHeader } from "../repository/manifest.ts";
import { badEntry, checkEntryPath, parentPath, placeOf, tablespaceOidOf } from "./entry-path.ts";

/** What lies in one place, so that space can be asked for where it is needed. */
export interface PlaceUsage {
  readonly fileCount: number;
  readonly sizeBytes: number;
}

export interface ManifestSurvey {
  /** All places together. */
  readonly total: PlaceUsage;
  readonly dataDirectory: PlaceUsage;
  /** By OID, for the tablespaces that were linked. */
  readonly tablespaces: ReadonlyMap<number, PlaceUsage & { readonly location: string }>;
  /** Permission bits of the top directory. */
  readonly mode: number;
  /** Links other than tablespaces: they are restored as directories. */
  readonly links: readonly BytePath[];
}

interface Usage {
  fileCount: number;
  sizeBytes: number;
}

/**
 * Reads every entry once.
 *
 * @throws {HindsightError} `OBJECT_CORRUPT` for entries out of order, paths that lead outside, files without directory,
 *   content of a tablespace outside of its version's directory.
 */
export async function surveyManifest(
  header: ManifestHeader,
  entries: Iterable<ManifestEntry> | AsyncIterable<ManifestEntry>,
): Promise<ManifestSurvey> {
  const survey = new Survey(header);
  for await (const entry of entries) survey.add(entry);
  return survey.finish();
}

/** The directory of a major version in a tablespace's location. */
export function tablespaceVersionDirectory({
  majorVersion,
  catalogVersion,
}: Pick<ManifestHeader, "majorVersion" | "catalogVersion">): string {
  return `PG_${majorVersion}_${catalogVersion}`;
}

class Survey {
  readonly #versionDirectory: string;
  readonly #dataDirectory: Usage = { fileCount: 0, sizeBytes: 0 };
  readonly #tablespaces: Map<number, Usage & { location: string }> = new Map();
  readonly #directories: Set<string> = new Set([""]);
  readonly #links: BytePath[] = [];
  #mode = 0o700;
  #hasControlFile = false;
  #previous: BytePath | undefined;

  constructor(header: ManifestHeader) {
    this.#versionDirectory = tablespaceVersionDirectory(header);
  }

  add(entry: ManifestEntry): void {
    const { path } = entry;
    checkEntryPath(path);
    if (this.#previous !== undefined && comparePath(this.#previous, path) >= 0) {
      throw badEntry(path, `stands after "${showPath(this.#previous)}"`);
    }
    this.#previous = path;
    if (path !== "" && !this.#directories.has(parentPath(path))) {
      throw badEntry(path, "has no directory");
    }
    if (entry.kind === "directory") this.#addDirectory(entry);
    else if (entry.kind === "link") this.#addLink(entry);
    else this.#addFile(entry);
  }

  finish(): ManifestSurvey {
    if (!this.#hasControlFile) {
      throw failure("OBJECT_CORRUPT", "the manifest has no global/pg_control", {
        hint: "Restore another backup with --set; `hindsight verify` checks them all.",
      });
    }
    const all = [this.#dataDirectory, ...this.#tablespaces.values()];
    return {
      total: {
        fileCount: all.reduce((sum, usage) => sum + usage.fileCount, 0),
        sizeBytes: all.reduce((sum, usage) => sum + usage.sizeBytes, 0),
      },
      dataDirectory: this.#dataDirectory,
      tablespaces: this.#tablespaces,
      mode: this.#mode,
      links: this.#links,
    };
  }

  #addDirectory(entry: Extract<ManifestEntry, { kind: "directory" }>): void {
    this.#checkTablespacePath(entry.path);
    if (entry.path === "") this.#mode = entry.mode;
    this.#directories.add(entry.path);
  }

  #addLink({ path, target }: Extract<ManifestEntry, { kind: "link" }>): void {
    const oid = tablespaceOidOf(path);
    if (path === "") throw badEntry(path, "is a link");
    this.#directories.add(path);
    if (oid !== undefined && path === `pg_tblspc/${oid}`) {
      const location = Buffer.from(target, "latin1").toString("utf8");
      this.#tablespaces.set(oid, { fileCount: 0, sizeBytes: 0, location });
    } else {
      this.#links.push(path);
    }
  }

  #addFile(entry: Extract<ManifestEntry, { kind: "file" }>): void {
    this.#checkTablespacePath(entry.path);
    if (entry.path === "") throw badEntry(entry.path, "is a file");
    if (entry.path === "global/pg_control") this.#hasControlFile = true;
    const oid = placeOf(entry.path, this.#tablespaces).tablespaceOid;
    const usage =
      (oid === undefined ? undefined : this.#tablespaces.get(oid)) ?? this.#dataDirectory;
    usage.fileCount += 1;
    usage.sizeBytes += entry.sizeBytes;
  }

  /** Only the version's directory is looked at before it is written, so nothing else may be written. */
  #checkTablespacePath(path: BytePath): void {
    const place = placeOf(path, this.#tablespaces);
    if (place.tablespaceOid === undefined) return;
    if (place.path.split("/")[0] !== this.#versionDirectory) {
      throw badEntry(path, `is in a tablespace, but not in ${this.#versionDirectory}`);
    }
  }
}
