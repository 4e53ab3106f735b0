// Puts a record together that lies on several pages: its bytes are between the headers of the pages. They are copied as
// they arrive, so a damaged length cannot make us reserve more than was read.
import { LSN_ZERO } from "../model/lsn.ts";
import { type SegmentBase, segmentBase } from "./record.ts";

const CAPACITY_INITIAL_BYTES = 64 * 1024;

/** One record at a time; the buffer is used again for the next one. */
export class RecordAssembly {
  #buffer: Uint8Array = new Uint8Array(CAPACITY_INITIAL_BYTES);
  #view: DataView = new DataView(this.#buffer.buffer);
  /** Where the record begins. */
  segment: SegmentBase = segmentBase(LSN_ZERO);
  segmentOffset = 0;
  /** The record's length, as its header says. */
  totalBytes = 0;
  /** How many of its bytes are here; 0 when no record is unfinished. */
  presentBytes = 0;

  /** Begins with the bytes that are here, and goes on behind them; until the next {@link append}. */
  get view(): DataView {
    return this.#view;
  }

  append(bytes: Uint8Array): void {
    const needed = this.presentBytes + bytes.length;
    if (needed > this.#buffer.length) {
      const larger = new Uint8Array(Math.max(needed, 2 * this.#buffer.length));
      larger.set(this.#buffer.subarray(0, this.presentBytes));
      this.#buffer = larger;
      this.#view = new DataView(larger.buffer);
    }
    this.#buffer.set(bytes, this.presentBytes);
    this.presentBytes = needed;
  }

  /** Forgets the record, finished or given up. */
  clear(): void {
    this.presentBytes = 0;
  }
}
