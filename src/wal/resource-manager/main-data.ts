// Reads the main data of a record field by field. Resource managers describe their records as a row of fields, some of
// them lists with a count in front; a damaged count must neither read past the end nor reserve memory.
import { failure } from "../../model/failure.ts";
import { formatLsn, type Lsn, lsn } from "../../model/lsn.ts";
import { fromPostgresMicroseconds } from "../../model/timestamp.ts";
import { mainData, recordLsn, type WalRecord } from "../record.ts";

/** A place in the main data of one record. Every method throws `WAL_RECORD_INVALID` when the data end too early. */
export class MainDataReader {
  readonly #view: DataView;
  readonly #record: WalRecord;
  #position = 0;

  constructor(record: WalRecord) {
    this.#record = record;
    this.#view = mainData(record);
  }

  /** Passes over `lengthBytes`, and returns where they began. */
  skip(lengthBytes: number): number {
    const begin = this.#position;
    if (lengthBytes < 0 || lengthBytes > this.#view.byteLength - begin) {
      throw this.invalid("is shorter than it says");
    }
    this.#position = begin + lengthBytes;
    return begin;
  }

  /** Passes over what is missing to a multiple of 8, as PostgreSQL aligns parts of some records (MAXALIGN). */
  align(): void {
    this.skip((8 - (this.#position % 8)) % 8);
  }

  boolean(): boolean {
    return this.#view.getUint8(this.skip(1)) !== 0;
  }

  uint16(): number {
    return this.#view.getUint16(this.skip(2), true);
  }

  uint32(): number {
    return this.#view.getUint32(this.skip(4), true);
  }

  int32(): number {
    return this.#view.getInt32(this.skip(4), true);
  }

  /** An i32 that counts something. */
  natural(): number {
    const count = this.int32();
    if (count < 0) throw this.invalid("has a count below 0");
    return count;
  }

  uint64(): bigint {
    return this.#view.getBigUint64(this.skip(8), true);
  }

  lsn(): Lsn {
    return lsn(this.uint64());
  }

  /** A TimestampTz of this server's own clock. */
  instant(): Temporal.Instant {
    const instant = this.anyInstant();
    if (!instant) throw this.invalid("has an impossible time");
    return instant;
  }

  /** A TimestampTz that somebody may have chosen; undefined for one that is none, such as `infinity`. */
  anyInstant(): Temporal.Instant | undefined {
    const microseconds = this.#view.getBigInt64(this.skip(8), true);
    try {
      return fromPostgresMicroseconds(microseconds);
    } catch (error) {
      if (error instanceof RangeError) return undefined;
      throw error;
    }
  }

  /** `count` items that take `itemBytes` each, read by `readItem`. */
  list<Item>(count: number, itemBytes: number, readItem: () => Item): readonly Item[] {
    if (count < 0 || count > (this.#view.byteLength - this.#position) / itemBytes) {
      throw this.invalid("has a list that is longer than the record");
    }
    return Array.from({ length: count }, readItem);
  }

  /** Text up to its zero byte, or of `lengthBytes` with the zero byte somewhere in it or missing. */
  text(lengthBytes?: number): string {
    const rest = new Uint8Array(
      this.#view.buffer,
      this.#view.byteOffset + this.#position,
      this.#view.byteLength - this.#position,
    );
    const zero = rest.indexOf(0);
    this.skip(lengthBytes ?? (zero < 0 ? rest.length + 1 : zero + 1));
    const end = zero < 0 ? rest.length : zero;
    return Buffer.from(rest.subarray(0, Math.min(end, lengthBytes ?? end))).toString("utf8");
  }

  /** The error of a record whose main data make no sense. */
  invalid(what: string): Error {
    return failure(
      "WAL_RECORD_INVALID",
      `the WAL record at ${formatLsn(recordLsn(this.#record))} ${what}`,
    );
  }
}
