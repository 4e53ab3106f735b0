// WAL for tests, written the way PostgreSQL writes it: records one after another over pages and segments, with headers,
// continuations and checksums. What real servers write is compared in test/integration/wal-records.test.ts.
import { crc32c } from "@node-rs/crc32";
import { type Lsn, lsn } from "../model/lsn.ts";
import { toPostgresMicroseconds } from "../model/timestamp.ts";
import { MAGICS, PAGE_FLAGS } from "./page.ts";
import {
  createRecordCursor,
  decodeRecordBody,
  decodeRecordHeader,
  type WalRecord,
} from "./record.ts";
import { RESOURCE_MANAGER } from "./resource-manager/ids.ts";
import { STANDBY_OPERATION } from "./resource-manager/standby.ts";
import { TRANSACTION_OPERATION } from "./resource-manager/transaction.ts";
import { XLOG_OPERATION } from "./resource-manager/xlog.ts";

export const SEGMENT_SIZE: number = 1024 * 1024;
export const PAGE_SIZE = 8192;
export const SYSTEM_IDENTIFIER = 7440000000000000001n;

/** A record to be written. */
export interface DraftRecord {
  readonly resourceManager: number;
  readonly operation: number;
  readonly xid?: number;
  /** What stands behind the header: fragment headers and data. */
  readonly body: Buffer;
}

export interface WalOptions {
  readonly majorVersion?: number;
  readonly timeline?: number;
  /** The number of the first segment. */
  readonly firstSegment?: number;
}

/** Decodes the bytes of one record, as a server has written them. */
export function decodeBytes(bytes: Buffer, majorVersion: number): WalRecord {
  const record = createRecordCursor({ majorVersion, blockSizeBytes: 8192 });
  decodeRecordHeader(record, new DataView(bytes.buffer, bytes.byteOffset, bytes.length), 0);
  decodeRecordBody(record);
  return record;
}

/** The fragment of main data. */
function mainDataBody(data: Buffer): Buffer {
  const header = Buffer.alloc(data.length > 255 ? 5 : 2);
  header[0] = data.length > 255 ? 254 : 255;
  if (data.length > 255) header.writeUInt32LE(data.length, 1);
  else header[1] = data.length;
  return Buffer.concat([header, data]);
}

/** A record without meaning, `lengthBytes` long. */
export function filler(lengthBytes: number): DraftRecord {
  const headerBytes = lengthBytes > 255 + 26 ? 29 : 26;
  const data = Buffer.alloc(lengthBytes - headerBytes, 0x61);
  return {
    resourceManager: RESOURCE_MANAGER.logicalMessage,
    operation: 0,
    body: mainDataBody(data),
  };
}

/** A commit or rollback of a transaction that names its subtransactions. */
export function transactionEnd(
  kind: "commit" | "abort",
  xid: number,
  at: string,
  subtransactions: readonly number[] = [],
): DraftRecord {
  const data = Buffer.alloc(16 + 4 * subtransactions.length);
  data.writeBigInt64LE(toPostgresMicroseconds(Temporal.Instant.from(at)), 0);
  data.writeUInt32LE(subtransactions.length === 0 ? 0 : 2, 8);
  data.writeInt32LE(subtransactions.length, 12);
  for (const [index, id] of subtransactions.entries()) data.writeUInt32LE(id, 16 + 4 * index);
  const body = mainDataBody(subtransactions.length === 0 ? data.subarray(0, 12) : data);
  const operation = 0x80 | TRANSACTION_OPERATION[kind];
  return { resourceManager: RESOURCE_MANAGER.transaction, operation, xid, body };
}

export function restorePoint(name: string, at: string): DraftRecord {
  const data = Buffer.alloc(72);
  data.writeBigInt64LE(toPostgresMicroseconds(Temporal.Instant.from(at)), 0);
  data.write(name, 8);
  const operation = XLOG_OPERATION.restorePoint;
  return { resourceManager: RESOURCE_MANAGER.xlog, operation, body: mainDataBody(data) };
}

export function runningTransactions(running: {
  readonly xids: readonly number[];
  readonly overflowed: boolean;
  readonly nextXid: number;
  readonly oldestRunningXid: number;
}): DraftRecord {
  const data = Buffer.alloc(24 + 4 * running.xids.length);
  data.writeInt32LE(running.xids.length, 0);
  data[8] = running.overflowed ? 1 : 0;
  data.writeUInt32LE(running.nextXid, 12);
  data.writeUInt32LE(running.oldestRunningXid, 16);
  for (const [index, id] of running.xids.entries()) data.writeUInt32LE(id, 24 + 4 * index);
  const operation = STANDBY_OPERATION.runningTransactions;
  return { resourceManager: RESOURCE_MANAGER.standby, operation, body: mainDataBody(data) };
}

/** Writes records one behind the other. */
export class WalBuilder {
  readonly #majorVersion: number;
  readonly #firstSegment: number;
  #timeline: number;
  #bytes: Buffer = Buffer.alloc(0);
  #position = 0;
  #previous: bigint;
  #overwrites = false;

  constructor({ majorVersion = 18, timeline = 1, firstSegment = 1 }: WalOptions = {}) {
    this.#majorVersion = majorVersion;
    this.#timeline = timeline;
    this.#firstSegment = firstSegment;
    this.#previous = BigInt(firstSegment * SEGMENT_SIZE) - 100n;
  }

  /** Where the next byte goes; at the beginning of a page its header is still to come. */
  get position(): Lsn {
    return lsn(BigInt(this.#firstSegment * SEGMENT_SIZE + this.#position));
  }

  /** Writes a record and says where it begins and ends. */
  append(draft: DraftRecord): { readonly begin: Lsn; readonly end: Lsn } {
    this.#enterPage(0);
    const begin = this.position;
    this.#write(this.#encode(draft));
    this.#align();
    this.#previous = begin;
    return { begin, end: this.position };
  }

  /** Writes what fits on this page of a record, as if the server had crashed before the rest. */
  appendCut(draft: DraftRecord): Lsn {
    this.#enterPage(0);
    const begin = this.position;
    const rest = PAGE_SIZE - (this.#position % PAGE_SIZE);
    this.#put(this.#encode(draft).subarray(0, rest));
    return begin;
  }

  /** What the server does on the page behind a cut record after the crash. */
  overwrite(): void {
    this.#overwrites = true;
  }

  /** Fills the page up so that only `availableBytes` are left on it. */
  fillPage(availableBytes: number): void {
    this.#enterPage(0);
    const left = PAGE_SIZE - (this.#position % PAGE_SIZE) - availableBytes;
    if (left > 0) this.append(filler(left));
  }

  /** Fills the segment up so that only `availableBytes`, less than a page, are left in it. */
  fillSegment(availableBytes: number): void {
    this.#enterPage(0);
    while (SEGMENT_SIZE - (this.#position % SEGMENT_SIZE) > PAGE_SIZE) {
      this.fillPage(0);
      this.#enterPage(0);
    }
    this.fillPage(availableBytes);
  }

  /** Ends the segment. */
  switchSegment(): void {
    const operation = XLOG_OPERATION.switch;
    this.append({ resourceManager: RESOURCE_MANAGER.xlog, operation, body: Buffer.alloc(0) });
    this.#position = Math.ceil(this.#position / SEGMENT_SIZE) * SEGMENT_SIZE;
  }

  /** Goes on as a younger timeline: pages that begin from here on say so. */
  promote(timeline: number): void {
    this.#timeline = timeline;
  }

  /** All segments so far, the last one filled up with zeros, by number. */
  segments(): Map<bigint, Buffer> {
    const segments = new Map<bigint, Buffer>();
    for (let begin = 0; begin < this.#position; begin += SEGMENT_SIZE) {
      const segment = Buffer.alloc(SEGMENT_SIZE);
      this.#bytes.copy(segment, 0, begin, Math.min(begin + SEGMENT_SIZE, this.#bytes.length));
      segments.set(BigInt(this.#firstSegment + begin / SEGMENT_SIZE), segment);
    }
    return segments;
  }

  #encode({ resourceManager, operation, xid = 0, body }: DraftRecord): Buffer {
    const record = Buffer.concat([Buffer.alloc(24), body]);
    record.writeUInt32LE(record.length, 0);
    record.writeUInt32LE(xid, 4);
    record.writeBigUInt64LE(this.#previous, 8);
    record[16] = operation;
    record[17] = resourceManager;
    record.writeUInt32LE(crc32c(record.subarray(0, 20), crc32c(record.subarray(24))), 20);
    return record;
  }

  #write(record: Buffer): void {
    for (let written = 0; written < record.length;) {
      this.#enterPage(record.length - written, written > 0);
      const room = PAGE_SIZE - (this.#position % PAGE_SIZE);
      const part = record.subarray(written, written + room);
      this.#put(part);
      written += part.length;
    }
  }

  /** Writes the header of a page when its beginning is reached. */
  #enterPage(remainingBytes: number, continues = false): void {
    if (this.#position % PAGE_SIZE !== 0) return;
    const long = this.#position % SEGMENT_SIZE === 0;
    const header = Buffer.alloc(long ? 40 : 24);
    const flags =
      (long ? PAGE_FLAGS.longHeader : 0) |
      (continues ? PAGE_FLAGS.firstIsContinuation : 0) |
      (this.#overwrites ? PAGE_FLAGS.overwritesContinuation : 0);
    const [magic = 0] = [...MAGICS].find(([, major]) => major === this.#majorVersion) ?? [];
    header.writeUInt16LE(magic, 0);
    header.writeUInt16LE(flags, 2);
    header.writeUInt32LE(this.#timeline, 4);
    header.writeBigUInt64LE(this.position, 8);
    header.writeUInt32LE(continues ? remainingBytes : 0, 16);
    if (long) {
      header.writeBigUInt64LE(SYSTEM_IDENTIFIER, 24);
      header.writeUInt32LE(SEGMENT_SIZE, 32);
      header.writeUInt32LE(PAGE_SIZE, 36);
    }
    this.#overwrites = false;
    this.#put(header);
  }

  #align(): void {
    this.#position = Math.ceil(this.#position / 8) * 8;
  }

  #put(bytes: Buffer): void {
    const end = this.#position + bytes.length;
    if (end > this.#bytes.length) {
      const larger = Buffer.alloc(Math.max(2 * this.#bytes.length, end + SEGMENT_SIZE));
      this.#bytes.copy(larger);
      this.#bytes = larger;
    }
    bytes.copy(this.#bytes, this.#position);
    this.#position = end;
  }
}
