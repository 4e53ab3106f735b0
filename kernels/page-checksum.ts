// PostgreSQL's page checksum as a WebAssembly kernel: 32 interleaved FNV-1a hashes over the page's 32-bit words, folded to
// 16 bits. Eight vectors of four columns each are the whole state and stay in registers. Written in AssemblyScript, which
// looks like TypeScript and is not: `npm run kernels` compiles it to src/postgres/page-checksum.wasm, which is committed.
//
// Source: PostgreSQL src/include/storage/checksum_impl.h

/** Bytes of one row: 32 columns of 32 bits. */
const ROW_BYTES: u32 = 128;

const FNV_PRIME: i32 = 16777619;

/** Takes four words into the states of their columns. */
function mix(states: v128, words: v128): v128 {
  const mixed = v128.xor(states, words);
  return v128.xor(i32x4.mul(mixed, i32x4.splat(FNV_PRIME)), i32x4.shr_u(mixed, 17));
}

/** Two further rounds of zeros spread the last words over all bits. */
function settle(states: v128): v128 {
  return mix(mix(states, i32x4.splat(0)), i32x4.splat(0));
}

/**
 * The checksum that a page must carry in pd_checksum. The page must not be new (all zeros).
 *
 * @param begin address of the page; it is not changed.
 * @param sizeBytes a multiple of 128.
 * @param block number of the page in its relation fork, counted over all its segment files.
 * @returns 1 to 65535.
 */
export function pageChecksum(begin: usize, sizeBytes: u32, block: u32): u32 {
  // The initial state of each column is part of the algorithm. pd_checksum is the low half of word 2 and counts as zero.
  const first = v128.and(v128.load(begin), i32x4(-1, -1, 0xffff0000, -1));
  let a = mix(i32x4(0x5b1f36e9, 0xb8525960, 0x02ab50aa, 0x1de66d2a), first);
  let b = mix(i32x4(0x79ff467a, 0x9bb9f8a3, 0x217e7cd2, 0x83e13d2c), v128.load(begin, 16));
  let c = mix(i32x4(0xf8d4474f, 0xe39eb970, 0x42c6ae16, 0x993216fa), v128.load(begin, 32));
  let d = mix(i32x4(0x7b093b5d, 0x98daff3c, 0xf718902a, 0x0b1c9cdb), v128.load(begin, 48));
  let e = mix(i32x4(0xe58f764b, 0x187636bc, 0x5d7b3bb1, 0xe73de7de), v128.load(begin, 64));
  let f = mix(i32x4(0x92bec979, 0xcca6c0b2, 0x304a0979, 0x85aa43d4), v128.load(begin, 80));
  let g = mix(i32x4(0x783125bb, 0x6ca8eaa2, 0xe407eac6, 0x4b5cfc3e), v128.load(begin, 96));
  let h = mix(i32x4(0x9fbf8c76, 0x15ca20be, 0xf2ca9fd3, 0x959bd756), v128.load(begin, 112));
  const end = begin + sizeBytes;
  for (let row = begin + ROW_BYTES; row < end; row += ROW_BYTES) {
    a = mix(a, v128.load(row));
    b = mix(b, v128.load(row, 16));
    c = mix(c, v128.load(row, 32));
    d = mix(d, v128.load(row, 48));
    e = mix(e, v128.load(row, 64));
    f = mix(f, v128.load(row, 80));
    g = mix(g, v128.load(row, 96));
    h = mix(h, v128.load(row, 112));
  }
  const left = v128.xor(v128.xor(settle(a), settle(b)), v128.xor(settle(c), settle(d)));
  const right = v128.xor(v128.xor(settle(e), settle(f)), v128.xor(settle(g), settle(h)));
  return fold(v128.xor(left, right), block);
}

function fold(states: v128, block: u32): u32 {
  const low = i32x4.extract_lane(states, 0) ^ i32x4.extract_lane(states, 1);
  const high = i32x4.extract_lane(states, 2) ^ i32x4.extract_lane(states, 3);
  return ((block ^ low ^ high) % 65535) + 1;
}
