// How fast WAL is decoded on one core: every record found, its checksum proven, its block references read.
//
//     node benchmarks/wal-decode.ts DIRECTORY [ROUNDS]
//
// DIRECTORY holds segments under their own names, as in pg_wal or an archive_command's target, of one cluster and one
// timeline without gaps. They are read into memory first, so the disk does not count. Prints one line a round: bytes,
// records, seconds, GB/s (10^9 bytes) and records a second.
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { formatLsn } from "../src/model/lsn.ts";
import { parseSegmentName, segmentBegin } from "../src/model/wal-segment.ts";
import { parseLongPageHeader, type WalLongPageHeader } from "../src/wal/page.ts";
import { type WalEnd, WalReader } from "../src/wal/reader.ts";

const ROUNDS_DEFAULT = 5;
/** Enough for a figure, and not more memory than a small machine has. */
const SEGMENTS_SIZE_MAX_BYTES = 1024 ** 3;

interface Segments {
  readonly header: WalLongPageHeader;
  readonly firstName: string;
  readonly all: readonly Buffer[];
}

async function loadSegments(directory: string): Promise<Segments> {
  const names = (await readdir(directory)).filter((name) => /^[0-9A-F]{24}$/.test(name)).toSorted();
  const [firstName] = names;
  if (firstName === undefined) throw new Error(`there is no WAL segment in ${directory}`);
  const all: Buffer[] = [];
  let sizeBytes = 0;
  for (const name of names.filter((other) => other.startsWith(firstName.slice(0, 8)))) {
    const bytes = await readFile(join(directory, name));
    if (sizeBytes + bytes.length > SEGMENTS_SIZE_MAX_BYTES) break;
    all.push(bytes);
    sizeBytes += bytes.length;
  }
  return { header: parseLongPageHeader(all[0] ?? Buffer.alloc(0)), firstName, all };
}

/** Decodes everything once and says how far it came. */
function decode({ header, firstName, all }: Segments): string {
  const { segmentSizeBytes, majorVersion = 0 } = header;
  const { number } = parseSegmentName(firstName, segmentSizeBytes);
  const reader = new WalReader({
    begin: segmentBegin(number, segmentSizeBytes),
    segmentSizeBytes,
    layout: { majorVersion, blockSizeBytes: 8192 },
    skipsRest: true,
  });
  let recordCount = 0;
  let blockCount = 0;
  let sizeBytes = 0;
  let end: WalEnd | undefined;
  const begin = performance.now();
  for (const segment of all) {
    end = reader.read(segment, (record) => {
      recordCount += 1;
      blockCount += record.blockCount;
    });
    sizeBytes += segment.length;
    if (end) break;
  }
  const seconds = (performance.now() - begin) / 1000;
  const speed = (sizeBytes / seconds / 1e9).toFixed(2);
  const rate = (recordCount / seconds / 1e6).toFixed(1);
  const where = end ? `${end.reason} at ${formatLsn(end.lsn)}` : "the last segment";
  return `${sizeBytes} bytes, ${recordCount} records, ${blockCount} blocks in ${seconds.toFixed(3)} s: ${speed} GB/s, ${rate} million records/s; to ${where}`;
}

const [directory, rounds = String(ROUNDS_DEFAULT)] = process.argv.slice(2);
if (directory === undefined)
  throw new Error("usage: node benchmarks/wal-decode.ts DIRECTORY [ROUNDS]");
const segments = await loadSegments(directory);
for (let round = 0; round < Number(rounds); round += 1) {
  process.stdout.write(`${decode(segments)}\n`);
}
