// Which pages the records between two segments refer to, from the WAL indexes on the way. Whoever leaves pages out of a
// restore relies on it, so everything that is not known for certain is an error, never a gap in the answer (rules.md B1).
import type { Context } from "../base/context.ts";
import { failure } from "../model/failure.ts";
import { FORKS, type RelationLocator } from "../model/relation.ts";
import { formatSegmentName } from "../model/wal-segment.ts";
import type { ChangeQuestion, ReplayChanges } from "../restore/changed-blocks.ts";
import type { WalIndex } from "../wal/index-content.ts";
import { historySteps, type HistoryStep, type IndexedSegment } from "./history-segments.ts";

const MAIN_FORK: number = FORKS.indexOf("main");

const REBUILD_HINT =
  "Which pages recovery looks at is not known without it: see `hindsight index --rebuild`, or restore the whole cluster.";

/** Finds them. See {@link ChangeFinder}. */
export async function findReplayChanges(
  question: ChangeQuestion,
  context: Context,
): Promise<ReplayChanges> {
  const blocks = new Map<string, BlockSet>();
  const copiedDatabases = new Set<number>();
  let expected = question.first;
  for await (const step of historySteps(question, context)) {
    const { index, number } = requireComplete(step, expected, question);
    expected = number + 1n;
    addBlocks(index, blocks, question);
    for (const event of index.events) {
      if (event.kind !== "databaseCreate" || event.strategy !== "fileCopy") continue;
      copiedDatabases.add(event.source);
    }
  }
  if (expected <= question.last) throw missing(question, expected);
  return {
    blocksOf: (relation) => blocks.get(keyOf(relation))?.finish() ?? new Uint32Array(0),
    copiedDatabases,
  };
}

function requireComplete(
  step: HistoryStep,
  expected: bigint,
  question: ChangeQuestion,
): IndexedSegment {
  if (step.kind === "unreadable" || step.kind === "broken") throw unreadable(step);
  if (step.kind === "missing") throw missing(question, step.first);
  if (step.number !== expected) throw missing(question, expected);
  // A record that began before the first segment began before the backup, and is not replayed.
  if (step.isHeadMissing && step.number !== question.first) {
    throw missing(question, step.number - 1n);
  }
  const [custom] = step.index.customResourceManagers;
  if (custom === undefined) return step;
  throw failure(
    "PART_IMPOSSIBLE",
    `WAL segment ${step.name} has records of an extension's resource manager ${custom}, and which pages they look at is not known`,
    { hint: "Restore the whole cluster." },
  );
}

function addBlocks(
  index: WalIndex,
  blocks: Map<string, BlockSet>,
  { isAsked }: ChangeQuestion,
): void {
  const asked = index.relations.map((relation) => isAsked(relation));
  for (const changed of index.blocks) {
    const relation = index.relations[changed.relation];
    if (changed.fork !== MAIN_FORK || !relation || !asked[changed.relation]) continue;
    const key = keyOf(relation);
    const set = blocks.get(key) ?? new BlockSet();
    blocks.set(key, set);
    set.add(changed.blocks);
  }
}

function keyOf({ tablespace, database, relfilenode }: RelationLocator): string {
  return `${tablespace}/${database}/${relfilenode}`;
}

/** Numbers, each once; memory is at most twice what they need. */
class BlockSet {
  #sorted: Uint32Array = new Uint32Array(0);
  #added: Uint32Array[] = [];
  #addedCount = 0;

  add(blocks: Uint32Array): void {
    this.#added.push(blocks);
    this.#addedCount += blocks.length;
    if (this.#addedCount > Math.max(MERGE_MIN_COUNT, this.#sorted.length)) this.#merge();
  }

  finish(): Uint32Array {
    this.#merge();
    return this.#sorted;
  }

  #merge(): void {
    if (this.#added.length === 0) return;
    const all = new Uint32Array(this.#sorted.length + this.#addedCount);
    all.set(this.#sorted);
    let at = this.#sorted.length;
    for (const blocks of this.#added) {
      all.set(blocks, at);
      at += blocks.length;
    }
    all.sort();
    this.#sorted = all.filter((block, place) => place === 0 || block !== all[place - 1]);
    this.#added = [];
    this.#addedCount = 0;
  }
}

/** Fewer are not worth sorting. */
const MERGE_MIN_COUNT = 4096;

function unreadable({
  name,
  error,
}: Extract<HistoryStep, { kind: "unreadable" | "broken" }>): Error {
  return failure("WAL_SEGMENT_INVALID", `WAL segment ${name} has no index and cannot be read`, {
    hint: REBUILD_HINT,
    context: { segment: name },
    cause: error,
  });
}

function missing({ archive, history }: ChangeQuestion, number: bigint): Error {
  const place = { timeline: history.timeline, number };
  const name = formatSegmentName(place, archive.record.segmentSizeBytes);
  return failure(
    "WAL_SEGMENT_MISSING",
    `WAL segment ${name}, or its index, is needed and not in the archive`,
    { hint: REBUILD_HINT, context: { segment: name, stanza: archive.stanza } },
  );
}
