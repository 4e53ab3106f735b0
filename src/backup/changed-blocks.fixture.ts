// WAL indexes as the tests of this folder need them: with what is asked about, and nothing else.
import { LSN_ZERO } from "../model/lsn.ts";
import type { RelationLocator } from "../model/relation.ts";
import { INDEX_BUILDER_VERSION, type WalIndex } from "../wal/index-content.ts";
import type { IndexEvent } from "../wal/index-events.ts";

/** What an index says. */
export interface IndexParts {
  readonly blocks?: readonly (RelationLocator & {
    readonly fork: number;
    readonly blocks: readonly number[];
  })[];
  readonly events?: readonly IndexEvent[];
  /** Files that a commit names. */
  readonly dropped?: readonly RelationLocator[];
  readonly customResourceManagers?: readonly number[];
}

type Unplaced<Event> = Event extends unknown ? Omit<Event, "lsn" | "endLsn"> : never;

/** An event at the beginning of WAL. */
export function eventAt(event: Unplaced<IndexEvent>): IndexEvent {
  return { lsn: LSN_ZERO, endLsn: LSN_ZERO, ...event } as IndexEvent;
}

/** An index of the first segment. */
export function indexOf(parts: IndexParts): WalIndex {
  const { blocks = [], events = [], dropped = [], customResourceManagers = [] } = parts;
  const detail = {
    database: 5,
    subtransactions: [],
    droppedRelations: dropped,
    droppedObjects: [],
    invalidatedRelations: [],
    globalIdentifier: undefined,
  };
  return {
    builderVersion: INDEX_BUILDER_VERSION,
    segmentNumber: 0n,
    segmentSizeBytes: 1024 * 1024,
    first: undefined,
    last: undefined,
    end: undefined,
    unfinished: undefined,
    isUnfinishedCut: false,
    nextXid: undefined,
    classFiles: [],
    customResourceManagers,
    relations: blocks,
    patterns: [[]],
    ends: {
      count: 0,
      offset: new Int32Array(),
      length: new Int32Array(),
      flags: new Uint8Array(),
      xid: new Uint32Array(),
      at: new Float64Array(),
      pattern: new Uint32Array(),
    },
    endDetails: new Map([[0, detail]]),
    open: [],
    blocks: blocks.map(({ fork, blocks: numbers }, relation) => ({
      relation,
      fork,
      blocks: Uint32Array.from(numbers),
    })),
    events,
  };
}
