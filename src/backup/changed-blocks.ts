// What WAL says was changed, as an incremental backup needs it: blocks of main forks, and where files were made, cut,
// dropped or copied, so that single blocks say nothing. Other forks are not here: the visibility map changes without a
// reference to its blocks, and is compared by content like everything that is no main fork.
import type { Lsn } from "../model/lsn.ts";
import type { RelationLocator } from "../model/relation.ts";
import type { WalIndex } from "../wal/index-content.ts";
import type { IndexEvent } from "../wal/index-events.ts";
import { BlockSet } from "./block-set.ts";
import type { RelationPath } from "./relation-path.ts";

/** What happened to one file of a main fork. */
export interface FileChanges {
  /**
   * The first block, counted within the relation's fork, from which on nothing is known, because the relation was made,
   * cut there or dropped. Infinity when nothing of that happened.
   */
  readonly limit: number;
  /** Counted within the file. */
  readonly blocks: BlockSet | undefined;
}

interface RelationChanges {
  limit: number;
  /** By number of the segment file. */
  readonly files: Map<number, BlockSet>;
}

/** What is taken for granted about records that nobody here can read. */
export interface ChangePolicy {
  readonly relationSegmentBlocks: number;
  /** Where the range begins that has to be trusted; an index may describe records before it. */
  readonly begin: Lsn;
  /** Resource managers of extensions that are known to register every block they change. */
  readonly trustedResourceManagers: ReadonlySet<number>;
}

const MAIN_FORK = 0;

/** Gathers the changes of a range of WAL, index by index, in any order. */
export class ChangedBlocks {
  readonly #policy: ChangePolicy;
  readonly #relations: Map<string, RelationChanges> = new Map();
  readonly #databases: Set<string> = new Set();
  #distrust: string | undefined;

  constructor(policy: ChangePolicy) {
    this.#policy = policy;
  }

  /** Why what was gathered cannot be relied on; undefined when it can. */
  get distrust(): string | undefined {
    return this.#distrust;
  }

  add(index: WalIndex): void {
    for (const { relation, fork, blocks } of index.blocks) {
      const locator = index.relations[relation];
      if (fork === MAIN_FORK && locator) this.#addBlocks(locator, blocks);
    }
    for (const event of index.events) this.#addEvent(event);
    for (const { droppedRelations } of index.endDetails.values()) {
      for (const locator of droppedRelations) this.#limit(locator, 0);
    }
    const unknown = index.customResourceManagers.find(
      (id) => !this.#policy.trustedResourceManagers.has(id),
    );
    if (unknown === undefined) return;
    this.#distrust ??= `an extension wrote WAL with its own resource manager ${unknown}`;
  }

  /** What happened to a file; undefined when nothing did. */
  changesOf(file: RelationPath): FileChanges | undefined {
    const found = this.#relations.get(keyOf(file));
    return found && { limit: found.limit, blocks: found.files.get(file.segment) };
  }

  /** Whether a whole database was copied into this place or removed from it. */
  isDatabaseReplaced({ tablespace, database }: RelationLocator): boolean {
    return this.#databases.has(`${tablespace}/${database}`);
  }

  #addBlocks(locator: RelationLocator, blocks: Uint32Array): void {
    const { relationSegmentBlocks } = this.#policy;
    const { files } = this.#relation(locator);
    let segment = -1;
    let set: BlockSet | undefined;
    for (const block of blocks) {
      const place = Math.floor(block / relationSegmentBlocks);
      if (place !== segment || !set) {
        segment = place;
        set = files.get(segment) ?? new BlockSet(relationSegmentBlocks);
        files.set(segment, set);
      }
      set.add(block - segment * relationSegmentBlocks);
    }
  }

  #addEvent(event: IndexEvent): void {
    switch (event.kind) {
      case "fileCreate":
        if (event.fork === "main") this.#limit(event.relation, 0);
        break;
      case "fileTruncate":
        if (event.forks.includes("main")) this.#limit(event.relation, event.blockCount);
        break;
      case "databaseCreate":
        this.#databases.add(`${event.tablespace}/${event.database}`);
        break;
      case "databaseDrop":
        for (const tablespace of event.tablespaces) {
          this.#databases.add(`${tablespace}/${event.database}`);
        }
        break;
      case "parameterChange":
      case "checkpoint":
        if (event.walLevel === "minimal" && event.lsn >= this.#policy.begin) {
          this.#distrust ??=
            "the server ran with wal_level=minimal, which leaves changes out of WAL";
        }
        break;
      default:
    }
  }

  #limit(locator: RelationLocator, block: number): void {
    const relation = this.#relation(locator);
    relation.limit = Math.min(relation.limit, block);
  }

  #relation(locator: RelationLocator): RelationChanges {
    const key = keyOf(locator);
    const known = this.#relations.get(key);
    if (known) return known;
    const created = { limit: Number.POSITIVE_INFINITY, files: new Map<number, BlockSet>() };
    this.#relations.set(key, created);
    return created;
  }
}

function keyOf({ tablespace, database, relfilenode }: RelationLocator): string {
  return `${tablespace}/${database}/${relfilenode}`;
}
