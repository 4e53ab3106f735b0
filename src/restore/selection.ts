// What a restore of a part leaves out, file by file. A page may be left out only if no WAL record between the backup's
// start and the target refers to it, because redo looks at the page that it changes (rules.md B1). Visibility maps,
// free-space maps and init forks are never left out.
import type { Context } from "../base/context.ts";
import type { BytePath } from "../model/byte-path.ts";
import { failure } from "../model/failure.ts";
import { parseRelationFile, type RelationLocator } from "../model/relation.ts";
import { parseSegmentName, segmentNumberAt } from "../model/wal-segment.ts";
import type { ManifestFile, ManifestHeader } from "../repository/manifest.ts";
import type { ChangeFinder, ReplayChanges } from "./changed-blocks.ts";
import { lowerBound } from "./hollow.ts";
import { backupCatalogue } from "./part-catalogue.ts";
import { chooseHoles, type HoleRelation, type PartRequest } from "./part-choice.ts";
import type { Route, RouteRequest } from "./plan-route.ts";

/** pg_default, the tablespace of what lies below base/. */
const DEFAULT_TABLESPACE_OID = 1663;

const DATABASE_FILE = /^(?:base|pg_tblspc\/([1-9]\d{0,9})\/PG_[^/]+)\/([1-9]\d{0,9})\/([^/]+)$/;

/** A file of a relation that is left out. */
export interface HoleFile {
  /** Pages of this file that are restored all the same, ascending, each once. */
  readonly kept: Uint32Array;
}

/** What is left out of a backup. */
export class Selection {
  readonly request: PartRequest;
  /** In no order. */
  readonly holes: readonly HoleRelation[];
  readonly #byFile: ReadonlyMap<string, HoleRelation>;
  readonly #changes: ReplayChanges;
  readonly #header: ManifestHeader;

  constructor(
    request: PartRequest,
    holes: readonly HoleRelation[],
    { changes, header }: { readonly changes: ReplayChanges; readonly header: ManifestHeader },
  ) {
    this.request = request;
    this.#changes = changes;
    this.#header = header;
    // Redo copies such a database as it is at that moment, with all of its files.
    this.holes = holes.filter(({ database }) => !changes.copiedDatabases.has(database));
    this.#byFile = new Map(this.holes.map((hole) => [keyOf(hole), hole]));
  }

  /** What is kept of a file; undefined when all of it is restored. */
  holeOf(path: BytePath): HoleFile | undefined {
    const place = relationPlace(path);
    if (!place || place.fork !== "main") return undefined;
    const relation = this.#byFile.get(keyOf(place));
    if (!relation) return undefined;
    const { relationSegmentBlocks } = this.#header;
    const blocks = this.#changes.blocksOf(relation);
    const begin = place.segment * relationSegmentBlocks;
    const inFile = blocks.subarray(
      lowerBound(blocks, begin),
      lowerBound(blocks, begin + relationSegmentBlocks),
    );
    return { kept: inFile.map((block) => block - begin) };
  }

  /** How many bytes of a file are restored. */
  restoredBytes({ path, sizeBytes }: Pick<ManifestFile, "path" | "sizeBytes">): number {
    const hole = this.holeOf(path);
    if (!hole) return sizeBytes;
    return Math.min(sizeBytes, hole.kept.length * this.#header.blockSizeBytes);
  }
}

/** What a selection is made from. */
export interface SelectionRequest extends RouteRequest {
  readonly part: PartRequest;
  readonly findChanges: ChangeFinder;
}

/**
 * Decides what is left out.
 *
 * @throws {HindsightError} what {@link backupCatalogue}, {@link chooseHoles} and the {@link ChangeFinder} throw.
 */
export async function planSelection(
  request: SelectionRequest,
  { backup, history, wal }: Route,
  context: Context,
): Promise<Selection> {
  const { repository, stanza, record } = request;
  if (!wal) throw impossible("a part cannot be restored without recovery");
  const snapshot = await backupCatalogue({ repository, stanza }, backup, context);
  const holes = chooseHoles(snapshot, request.part);
  const asked = new Set(holes.map(keyOf));
  const { segmentSizeBytes } = record;
  const changes = await request.findChanges(
    {
      archive: { repository, stanza, record },
      history,
      first: segmentNumberAt(backup.startLsn, segmentSizeBytes),
      last: parseSegmentName(wal.last, segmentSizeBytes).number,
      blockSizeBytes: backup.blockSizeBytes,
      isAsked: (relation) => asked.has(keyOf(relation)),
    },
    context,
  );
  return new Selection(request.part, holes, { changes, header: backup });
}

/** @throws {HindsightError} `PART_IMPOSSIBLE` for a type of restore that has no end which WAL could be looked at up to. */
export function requirePartPossible({ type }: Pick<RouteRequest, "type">): void {
  if (type !== "standby" && type !== "preserve" && type !== "none") return;
  throw impossible(`a part cannot be restored with --type=${type}`);
}

function impossible(message: string): Error {
  return failure("PART_IMPOSSIBLE", message, {
    hint: "What may be left out is known only for a recovery to a target: leave --type out for the end of the archive.",
  });
}

function relationPlace(
  path: BytePath,
): (RelationLocator & { readonly fork: string; readonly segment: number }) | undefined {
  const [, tablespace, database, name = ""] = DATABASE_FILE.exec(path) ?? [];
  const file = parseRelationFile(name);
  if (!file) return undefined;
  return {
    ...file,
    tablespace: tablespace === undefined ? DEFAULT_TABLESPACE_OID : Number(tablespace),
    database: Number(database),
  };
}

function keyOf({ tablespace, database, relfilenode }: RelationLocator): string {
  return `${tablespace}/${database}/${relfilenode}`;
}
