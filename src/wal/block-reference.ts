// One block reference of a WAL record: which block of which relation, and the page image and data that come with it.
// Read by record.ts, which says where the data lie.
//
//   offset size type  meaning
//        0    1 u8    block id: 0 to 32, increasing within a record
//        1    1 u8    fork_flags: lower four bits the fork (an index of model/relation FORKS), upper four BLOCK_FLAGS
//        2    2 u16   data_length: bytes of block data; 0 exactly when the flag is not set
//
// With an image:
//        0    2 u16   length: bytes of the image as stored
//        2    2 u16   hole_offset: where in the page a run of zeros was left out
//        4    1 u8    bimg_info: IMAGE_FLAGS; its bits moved in 15
//        5    2 u16   hole_length: only of an image that is compressed and has a hole, else page size less length
//
// Unless it is the same relation as the reference before:
//        0    4 u32   tablespace oid
//        4    4 u32   database oid, 0 for shared relations
//        8    4 u32   relfilenode
//
// Always last:
//        0    4 u32   block number
//
// Source: PostgreSQL src/include/access/xlogrecord.h, XLogRecordBlockHeader and what follows it.

/** The highest id of a block reference (XLR_MAX_BLOCK_ID). */
export const BLOCK_ID_MAX = 32;

/** The size of a relation's page that PostgreSQL is built with unless someone asks for another. */
export const BLOCK_SIZE_DEFAULT_BYTES = 8192;

/** Bits of `fork_flags` above the fork. */
const BLOCK_FLAGS = {
  hasImage: 0x10,
  hasData: 0x20,
  /** Replay makes the page anew: what it held before does not matter. */
  willInitialise: 0x40,
  sameRelation: 0x80,
} as const;

const FORK_MASK = 0x0f;

/** Bits of `bimg_info`. 14 knows one compression, pglz; later versions have a bit for each of three. */
const IMAGE_FLAGS_14 = { hasHole: 0x01, compressed: 0x02, apply: 0x04 } as const;
const IMAGE_FLAGS_15 = { hasHole: 0x01, compressed: 0x1c, apply: 0x02 } as const;

/** What the layout of a reference depends on; the same for all WAL of a cluster. */
export interface BlockLayout {
  readonly majorVersion: number;
  /** Size of a relation's page. */
  readonly blockSizeBytes: number;
}

/** A block reference, valid as long as its record. */
export interface BlockReference {
  readonly layout: BlockLayout;
  readonly id: number;
  /** An index of {@link FORKS}; larger only in damaged records. */
  readonly fork: number;
  /** {@link BLOCK_FLAGS}, ored. */
  readonly flags: number;
  readonly sameRelation: boolean;
  readonly tablespace: number;
  readonly database: number;
  readonly relfilenode: number;
  readonly blockNumber: number;
  /** 0 without image. */
  readonly imageBytes: number;
  /** Where the image begins in the record's view. */
  readonly imageOffset: number;
  /** `bimg_info` as stored; its meaning depends on the major version. */
  readonly imageFlags: number;
  /** Whether replay writes the image; one for comparison only is not (wal_consistency_checking). */
  readonly appliesImage: boolean;
  readonly holeOffset: number;
  readonly holeBytes: number;
  /** 0 without data. */
  readonly dataBytes: number;
  /** Where the data begin in the record's view. */
  readonly dataOffset: number;
}

/** A {@link BlockReference} as it is filled. */
export type BlockCursor = { -readonly [Field in keyof BlockReference]: BlockReference[Field] };

/** An empty cursor. */
export function createBlockCursor(layout: BlockLayout): BlockCursor {
  return {
    layout,
    id: 0,
    fork: 0,
    flags: 0,
    sameRelation: false,
    tablespace: 0,
    database: 0,
    relfilenode: 0,
    blockNumber: 0,
    imageBytes: 0,
    imageOffset: 0,
    imageFlags: 0,
    appliesImage: false,
    holeOffset: 0,
    holeBytes: 0,
    dataBytes: 0,
    dataOffset: 0,
  };
}

/**
 * Reads the reference that begins at `begin`. Four plain parameters and no object, because it is called for every block
 * of every record.
 *
 * @param block filled, but for the relation when it is the same as before, and for the two offsets of the data.
 * @param end where the record ends; nothing is read from there on.
 * @returns where the reference ends, or what is wrong with it.
 */
export function decodeBlockHeader(
  block: BlockCursor,
  view: DataView,
  begin: number,
  end: number,
): number | string {
  if (begin + 4 > end) return TOO_SHORT;
  // The four bytes that every reference has, read at once.
  const start = view.getUint32(begin, true);
  const flags = (start >>> 8) & 0xff;
  const dataBytes = start >>> 16;
  if ((flags & BLOCK_FLAGS.hasData) === 0 ? dataBytes !== 0 : dataBytes === 0) {
    return "has a block whose flags and length of data disagree";
  }
  const sameRelation = (flags & BLOCK_FLAGS.sameRelation) !== 0;
  block.id = start & 0xff;
  block.fork = flags & FORK_MASK;
  block.flags = flags;
  block.sameRelation = sameRelation;
  block.dataBytes = dataBytes;
  block.imageBytes = 0;
  block.appliesImage = false;
  let position = begin + 4;
  if ((flags & BLOCK_FLAGS.hasImage) !== 0) {
    const next = decodeImageHeader(block, view, position, end);
    if (typeof next === "string") return next;
    position = next;
  }
  if (!sameRelation) {
    if (position + 12 > end) return TOO_SHORT;
    block.tablespace = view.getUint32(position, true);
    block.database = view.getUint32(position + 4, true);
    block.relfilenode = view.getUint32(position + 8, true);
    position += 12;
  }
  if (position + 4 > end) return TOO_SHORT;
  block.blockNumber = view.getUint32(position, true);
  return position + 4;
}

const TOO_SHORT = "ends inside a block reference";

function decodeImageHeader(
  block: BlockCursor,
  view: DataView,
  begin: number,
  end: number,
): number | string {
  if (begin + 5 > end) return TOO_SHORT;
  const { majorVersion, blockSizeBytes } = block.layout;
  const bits = majorVersion === 14 ? IMAGE_FLAGS_14 : IMAGE_FLAGS_15;
  const flags = view.getUint8(begin + 4);
  const compressed = (flags & bits.compressed) !== 0;
  const hasHole = (flags & bits.hasHole) !== 0;
  block.imageBytes = view.getUint16(begin, true);
  block.holeOffset = view.getUint16(begin + 2, true);
  block.imageFlags = flags;
  block.appliesImage = (flags & bits.apply) !== 0;
  let position = begin + 5;
  if (!compressed) {
    block.holeBytes = blockSizeBytes - block.imageBytes;
  } else if (hasHole) {
    if (position + 2 > end) return TOO_SHORT;
    block.holeBytes = view.getUint16(position, true);
    position += 2;
  } else {
    block.holeBytes = 0;
  }
  const full = block.imageBytes >= blockSizeBytes;
  const holeFits = hasHole
    ? block.holeOffset > 0 && block.holeBytes > 0
    : block.holeOffset === 0 && block.holeBytes === 0;
  if (!holeFits || (full && (compressed || hasHole)))
    return "has a page image whose sizes disagree";
  return position;
}
