// Gathers the blocks that the records of one segment refer to. Appending is all that happens for a record; sorting and
// leaving out what is there twice waits for the end. Most relations of a segment that touches very many have one block,
// so a list is made for the second.
import type { ChangedBlocks } from "./index-content.ts";

const CAPACITY_INITIAL = 16;
/** Forks that there are. A block reference has room for more numbers; those are kept apart. */
const FORK_COUNT = 4;
const FORK_NUMBER_COUNT = 16;
const RELATION_COUNT_INITIAL = 64;
/** What `#state` says of a place: nothing yet, one block, a list. */
const [NONE, ONE, MANY] = [0, 1, 2];

interface BlockList {
  blocks: Uint32Array;
  length: number;
}

/** Blocks by relation and fork. */
export class BlockLists {
  /** These three by relation × FORK_COUNT + fork. */
  #state: Uint8Array = new Uint8Array(RELATION_COUNT_INITIAL * FORK_COUNT);
  #only: Uint32Array = new Uint32Array(RELATION_COUNT_INITIAL * FORK_COUNT);
  readonly #lists: (BlockList | undefined)[] = [];
  /** Lists of forks that there are not, by relation × FORK_NUMBER_COUNT + fork. */
  readonly #odd: Map<number, BlockList> = new Map();

  /** Three plain numbers, because it is called for every block. */
  add(relation: number, fork: number, block: number): void {
    if (fork >= FORK_COUNT) {
      this.#addOdd(relation * FORK_NUMBER_COUNT + fork, block);
      return;
    }
    const place = relation * FORK_COUNT + fork;
    const state = place < this.#state.length ? this.#state[place]! : this.#grow(place);
    if (state === MANY) append(this.#lists[place]!, block);
    else if (state === NONE) {
      this.#state[place] = ONE;
      this.#only[place] = block;
    } else if (this.#only[place] !== block) {
      while (this.#lists.length <= place) this.#lists.push(undefined);
      this.#lists[place] = listOf(this.#only[place]!, block);
      this.#state[place] = MANY;
    }
  }

  /** What was gathered, by relation and fork. */
  finish(): readonly ChangedBlocks[] {
    const found: ChangedBlocks[] = [];
    for (const [place, state] of this.#state.entries()) {
      if (state === NONE) continue;
      const list = this.#lists[place];
      const blocks = list ? distinctOf(list) : Uint32Array.of(this.#only[place]!);
      found.push({ relation: Math.floor(place / FORK_COUNT), fork: place % FORK_COUNT, blocks });
    }
    if (this.#odd.size === 0) return found;
    for (const [place, list] of this.#odd) {
      const relation = Math.floor(place / FORK_NUMBER_COUNT);
      found.push({ relation, fork: place % FORK_NUMBER_COUNT, blocks: distinctOf(list) });
    }
    return found.toSorted(
      (left, right) => left.relation - right.relation || left.fork - right.fork,
    );
  }

  #addOdd(place: number, block: number): void {
    const list = this.#odd.get(place);
    if (list) append(list, block);
    else this.#odd.set(place, listOf(block, block));
  }

  #grow(place: number): number {
    const length = Math.max(2 * this.#state.length, place + 1);
    const [state, only] = [new Uint8Array(length), new Uint32Array(length)];
    state.set(this.#state);
    only.set(this.#only);
    this.#state = state;
    this.#only = only;
    return NONE;
  }
}

function listOf(first: number, second: number): BlockList {
  const blocks = new Uint32Array(CAPACITY_INITIAL);
  blocks[0] = first;
  blocks[1] = second;
  return { blocks, length: 2 };
}

function append(list: BlockList, block: number): void {
  if (list.blocks[list.length - 1] === block) return;
  if (list.length === list.blocks.length) shrinkOrGrow(list);
  list.blocks[list.length] = block;
  list.length += 1;
}

/** Before a full list grows, repeated blocks make room: few hot blocks stay a short list. */
function shrinkOrGrow(list: BlockList): void {
  sortDistinct(list);
  if (list.length <= list.blocks.length / 2) return;
  const larger = new Uint32Array(2 * list.blocks.length);
  larger.set(list.blocks);
  list.blocks = larger;
}

function distinctOf(list: BlockList): Uint32Array {
  sortDistinct(list);
  return list.blocks.slice(0, list.length);
}

function sortDistinct(list: BlockList): void {
  const { blocks } = list;
  blocks.subarray(0, list.length).sort();
  let kept = 0;
  for (let place = 0; place < list.length; place += 1) {
    if (place > 0 && blocks[place] === blocks[kept - 1]) continue;
    blocks[kept] = blocks[place]!;
    kept += 1;
  }
  list.length = kept;
}
