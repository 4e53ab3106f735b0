// One pass over a manifest before anything is written: counts for the plan, and proof that the manifest can be read to its
// end and names nothing outside of the places that the plan looks at.
import type { BytePath } from "../model/byte-path.ts";
import { failure } from "../model/failure.ts";
import { isTablespaceVersion } from "../postgres/data-directory/tablespace.ts";
import type { ManifestEntry, ManifestFile, ManifestHeader } from "../repository/manifest.ts";
import { badEntry, placeOf, tablespaceOidOf } from "./entry-path.ts";

/** What lies in one place, so that space can be asked for where it is needed. */
export interface PlaceUsage {
  readonly fileCount: number;
  readonly sizeBytes: number;
}

/** What one pass over the manifest tells: how much lies in which place, and what a plan must know of it. */
export interface ManifestSurvey {
  /** All places together. */
  readonly total: PlaceUsage;
  readonly dataDirectory: PlaceUsage;
  /** By OID, for the tablespaces that were linked. */
  readonly tablespaces: ReadonlyMap<number, PlaceUsage & { readonly location: string }>;
  /** Permission bits of the top directory. */
  readonly mode: number;
  /** Whether a tablespace is a directory in pg_tblspc instead of a link (from PostgreSQL 15 on). */
  readonly hasInPlaceTablespaces: boolean;
  /** Links other than tablespaces, and where they led; they are restored as directories unless the plan says otherwise. */
  readonly links: ReadonlyMap<BytePath, string>;
}

interface Usage {
  fileCount: number;
  sizeBytes: number;
}

/**
 * Reads every entry once.
 *
 * @param sizeOf how much of a file is restored; all of it when left out.
 * @throws {HindsightError} `OBJECT_CORRUPT` for content of a tablespace outside of its version's directory, a top that is
 *   no directory, or a missing global/pg_control; what reading the manifest throws.
 */
export async function surveyManifest(
  header: ManifestHeader,
  entries: Iterable<ManifestEntry> | AsyncIterable<ManifestEntry>,
  sizeOf: (file: ManifestFile) => number = ({ sizeBytes }): number => sizeBytes,
): Promise<ManifestSurvey> {
  const survey = new Survey(header, sizeOf);
  for await (const entry of entries) survey.add(entry);
  return survey.finish();
}

class Survey {
  readonly #majorVersion: number;
  readonly #sizeOf: (file: ManifestFile) => number;
  readonly #dataDirectory: Usage = { fileCount: 0, sizeBytes: 0 };
  readonly #tablespaces: Map<number, Usage & { location: string }> = new Map();
  readonly #links: Map<BytePath, string> = new Map();
  #mode = 0o700;
  #hasControlFile = false;
  #hasInPlaceTablespaces = false;

  constructor(header: ManifestHeader, sizeOf: (file: ManifestFile) => number) {
    this.#majorVersion = header.majorVersion;
    this.#sizeOf = sizeOf;
  }

  add(entry: ManifestEntry): void {
    if (entry.kind === "directory") this.#addDirectory(entry);
    else if (entry.kind === "link") this.#addLink(entry);
    else this.#addFile(entry);
  }

  finish(): ManifestSurvey {
    if (!this.#hasControlFile) {
      throw failure("OBJECT_CORRUPT", "the manifest has no global/pg_control", {
        hint: "Restore another backup with --set; `hindsight list-backups` names them.",
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
      hasInPlaceTablespaces: this.#hasInPlaceTablespaces,
      links: this.#links,
    };
  }

  #addDirectory(entry: Extract<ManifestEntry, { kind: "directory" }>): void {
    this.#checkTablespacePath(entry.path);
    if (entry.path === "") this.#mode = entry.mode;
    const oid = tablespaceOidOf(entry.path);
    if (oid !== undefined && !this.#tablespaces.has(oid)) this.#hasInPlaceTablespaces = true;
  }

  #addLink({ path, target }: Extract<ManifestEntry, { kind: "link" }>): void {
    const oid = tablespaceOidOf(path);
    if (path === "") throw badEntry(path, "is a link");
    const location = Buffer.from(target, "latin1").toString("utf8");
    if (oid !== undefined && path === `pg_tblspc/${oid}`) {
      this.#tablespaces.set(oid, { fileCount: 0, sizeBytes: 0, location });
    } else {
      this.#links.set(path, location);
    }
  }

  #addFile(entry: ManifestFile): void {
    this.#checkTablespacePath(entry.path);
    if (entry.path === "") throw badEntry(entry.path, "is a file");
    if (entry.path === "global/pg_control") this.#hasControlFile = true;
    const oid = placeOf(entry.path, this.#tablespaces).tablespaceOid;
    const usage =
      (oid === undefined ? undefined : this.#tablespaces.get(oid)) ?? this.#dataDirectory;
    usage.fileCount += 1;
    usage.sizeBytes += this.#sizeOf(entry);
  }

  /** Only directories of this version are looked at before they are written, so nothing else may be written. */
  #checkTablespacePath(path: BytePath): void {
    const place = placeOf(path, this.#tablespaces);
    if (place.tablespaceOid === undefined) return;
    const [top = ""] = place.path.split("/");
    if (!isTablespaceVersion(top, this.#majorVersion)) {
      throw badEntry(
        path,
        `is in a tablespace, but not in its directory of PostgreSQL ${this.#majorVersion}`,
      );
    }
  }
}
