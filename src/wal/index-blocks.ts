// Gathers the blocks that the records of one segment refer to. Appending is all that happens for a record; sorting and
// leaving out what is there twice waits for the end.
import type { ChangedBlocks } from "./index-content.ts";

const CAPACITY_INITIAL = 16;
/** Forks are numbered in four bits of a block reference. */
const FORK_COUNT = 16;

interface BlockList {
  blocks: Uint32Array;
  length: number;
}

/** Blocks by relation and fork. */
export class BlockLists {
  /** By relation × FORK_COUNT + fork. */
  readonly #lists: (BlockList | undefined)[] = [];

  /** Three plain numbers, because it is called for every block. */
  add(relation: number, fork: number, block: number): void {
    const place = relation * FORK_COUNT + fork;
    const list = this.#lists[place] ?? this.#create(place);
    if (list.length > 0 && list.blocks[list.length - 1] === block) return;
    if (list.length === list.blocks.length) shrinkOrGrow(list);
    list.blocks[list.length] = block;
    list.length += 1;
  }

  /** What was gathered, by relation and fork. */
  finish(): readonly ChangedBlocks[] {
    return this.#lists.flatMap((list, place) => {
      if (!list) return [];
      sortDistinct(list);
      const blocks = list.blocks.slice(0, list.length);
      return [{ relation: Math.floor(place / FORK_COUNT), fork: place % FORK_COUNT, blocks }];
    });
  }

  #create(place: number): BlockList {
    const list = { blocks: new Uint32Array(CAPACITY_INITIAL), length: 0 };
    while (this.#lists.length <= place) this.#lists.push(undefined);
    this.#lists[place] = list;
    return list;
  }
}

/** Before a full list grows, repeated blocks make room: few hot blocks stay a short list. */
function shrinkOrGrow(list: BlockList): void {
  sortDistinct(list);
  if (list.length <= list.blocks.length / 2) return;
  const larger = new Uint32Array(2 * list.blocks.length);
  larger.set(list.blocks);
  list.blocks = larger;
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
