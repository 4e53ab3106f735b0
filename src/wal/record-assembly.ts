// Puts a record together that lies on several pages: its bytes are between the headers of the pages. They are copied as
// they arrive, so a damaged length cannot make us reserve more than was read.
//
// Only messages for logical decoding grow to hundreds of MiB, and nobody reads what they say. Of a long one the beginning
// is kept, which has all that is decoded, and the rest is only summed for the checksum.
import { LSN_ZERO } from "../model/lsn.ts";
import { extendCrc32c } from "./crc32c.ts";
import { CHECKSUM_OFFSET, RECORD_HEADER_BYTES, type SegmentBase, segmentBase } from "./record.ts";
import { RESOURCE_MANAGER } from "./resource-manager/ids.ts";

const CAPACITY_INITIAL_BYTES = 64 * 1024;
/** So much is kept of a message. */
export const MESSAGE_KEPT_MAX_BYTES: number = 64 * 1024;
/** Where a record's header names its resource manager. */
export const RESOURCE_MANAGER_OFFSET = 17;

/** One record at a time; the buffer is used again for the next one. */
export class RecordAssembly {
  #buffer: Uint8Array = new Uint8Array(CAPACITY_INITIAL_BYTES);
  #view: DataView = new DataView(this.#buffer.buffer);
  /** Where the record begins. */
  segment: SegmentBase = segmentBase(LSN_ZERO);
  segmentOffset = 0;
  /** The record's length, as its header says. */
  totalBytes = 0;
  /** How many of its bytes are in the view. */
  keptBytes = 0;
  /** How many were summed behind those, and are gone. */
  passedBytes = 0;
  /** The sum over everything behind the header, once bytes are passed over. */
  checksum = 0;

  /** How many of its bytes have arrived; 0 when no record is unfinished. */
  get presentBytes(): number {
    return this.keptBytes + this.passedBytes;
  }

  /** Begins with the bytes that are kept, and goes on behind them; until the next {@link append}. */
  get view(): DataView {
    return this.#view;
  }

  append(bytes: Uint8Array): void {
    const room = this.passedBytes > 0 ? 0 : this.#room(bytes);
    if (room > 0) this.#keep(bytes.subarray(0, room));
    if (room === bytes.length) return;
    if (this.passedBytes === 0) {
      this.checksum = extendCrc32c(0, this.#view, RECORD_HEADER_BYTES, this.keptBytes);
    }
    const passed = new DataView(bytes.buffer, bytes.byteOffset + room, bytes.length - room);
    this.checksum = extendCrc32c(this.checksum, passed, 0, passed.byteLength);
    this.passedBytes += passed.byteLength;
  }

  /** Whether the bytes have the checksum of the header, once all are there and some were passed over. */
  matchesChecksum(): boolean {
    const sum = extendCrc32c(this.checksum, this.#view, 0, CHECKSUM_OFFSET);
    return sum === this.#view.getInt32(CHECKSUM_OFFSET, true);
  }

  /** Forgets the record, finished or given up. */
  clear(): void {
    this.keptBytes = 0;
    this.passedBytes = 0;
  }

  /** How many of the bytes are to be kept. */
  #room({ length }: Uint8Array): number {
    if (this.keptBytes + length <= MESSAGE_KEPT_MAX_BYTES) return length;
    // Until the header is there the bytes are few.
    const isMessage =
      this.keptBytes >= RECORD_HEADER_BYTES &&
      this.#buffer[RESOURCE_MANAGER_OFFSET] === RESOURCE_MANAGER.logicalMessage;
    return isMessage ? Math.max(0, MESSAGE_KEPT_MAX_BYTES - this.keptBytes) : length;
  }

  #keep(bytes: Uint8Array): void {
    const needed = this.keptBytes + bytes.length;
    if (needed > this.#buffer.length) {
      const larger = new Uint8Array(Math.max(needed, 2 * this.#buffer.length));
      larger.set(this.#buffer.subarray(0, this.keptBytes));
      this.#buffer = larger;
      this.#view = new DataView(larger.buffer);
    }
    this.#buffer.set(bytes, this.keptBytes);
    this.keptBytes = needed;
  }
}
