// The best few of very many, in order. What is not among them is refused at the cost of one comparison.

/** Room to gather in before the worse ones are given up, beside as many as are wanted: a sort serves many items. */
const GATHERED_COUNT = 1024;

/** Holds at most `countMax` items. */
export class BestList<Item> {
  readonly #compare: (left: Item, right: Item) => number;
  readonly #countMax: number;
  #items: Item[] = [];
  /** The last of a full list; what is worse cannot be among the best any more. */
  #worst: Item | undefined;

  /** @param compare below 0 when `left` is better. */
  constructor(countMax: number, compare: (left: Item, right: Item) => number) {
    this.#countMax = countMax;
    this.#compare = compare;
  }

  /** Best first; of equal ones the later first. */
  get items(): readonly Item[] {
    this.settle();
    return this.#items.toReversed();
  }

  /**
   * Takes the item if it may be among the best; of equal ones the later.
   *
   * @returns false when it is not among them. When true, better ones may still follow.
   */
  offer(item: Item): boolean {
    if (this.#countMax === 0) return false;
    if (this.#worst !== undefined && this.#compare(item, this.#worst) > 0) return false;
    this.#items.push(item);
    if (this.#items.length >= this.#countMax + GATHERED_COUNT) this.settle();
    return true;
  }

  /** Gives up what is not among the best so far, and with it the memory that it holds. */
  settle(): void {
    // Worst first, so that equal ones stay in the order in which they came.
    this.#items.sort((left, right) => this.#compare(right, left));
    this.#items = this.#items.slice(-this.#countMax);
    if (this.#items.length === this.#countMax) this.#worst = this.#items[0];
  }
}
