// How fast WAL is decoded on one core, block references included: once with the checksum of every record proven, once
// without. What the figures were and what they mean: README.md.
//
//     node benchmarks/wal-decode.ts DIRECTORY [ROUNDS]
//
// DIRECTORY holds segments under their own names, as in pg_wal or an archive_command's target, of one cluster and one
// timeline without gaps; make-pgbench-wal.ts makes some. They are read into memory first, so the disk does not count.
// Nor does what else the machine does: time is the processor time of this thread. Prints what was decoded, and for
// each of the two ways the median and the best of the rounds in GB/s (10^9 bytes), records a second and nanoseconds a
// record.
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { formatLsn } from "../src/model/lsn.ts";
import { parseSegmentName, segmentBegin } from "../src/model/wal-segment.ts";
import { parseLongPageHeader, type WalLongPageHeader } from "../src/wal/page.ts";
import { type WalEnd, WalReader } from "../src/wal/reader.ts";

const ROUNDS_DEFAULT = 9;
/** Enough for a figure, and not more memory than a small machine has. */
const SEGMENTS_SIZE_MAX_BYTES = 1024 ** 3;

interface Segments {
  readonly header: WalLongPageHeader;
  readonly firstName: string;
  readonly all: readonly Buffer[];
}

/** What was decoded in one round, and how long that took. */
interface Round {
  readonly sizeBytes: number;
  readonly recordCount: number;
  readonly blockCount: number;
  readonly imageCount: number;
  readonly end: WalEnd | undefined;
  readonly seconds: number;
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

/** Decodes everything once. */
function decode({ header, firstName, all }: Segments, verifiesChecksums: boolean): Round {
  const { segmentSizeBytes, majorVersion = 0 } = header;
  const { number } = parseSegmentName(firstName, segmentSizeBytes);
  const reader = new WalReader({
    begin: segmentBegin(number, segmentSizeBytes),
    segmentSizeBytes,
    layout: { majorVersion, blockSizeBytes: 8192 },
    skipsRest: true,
    verifiesChecksums,
  });
  let recordCount = 0;
  let blockCount = 0;
  let imageCount = 0;
  let sizeBytes = 0;
  let end: WalEnd | undefined;
  const begin = process.threadCpuUsage();
  for (const segment of all) {
    end = reader.read(segment, (record) => {
      recordCount += 1;
      blockCount += record.blockCount;
      for (let index = 0; index < record.blockCount; index += 1) {
        if (record.blocks[index]!.imageBytes > 0) imageCount += 1;
      }
    });
    sizeBytes += segment.length;
    if (end) break;
  }
  const { user, system } = process.threadCpuUsage(begin);
  const seconds = (user + system) / 1e6;
  return { sizeBytes, recordCount, blockCount, imageCount, end, seconds };
}

function describeContent({ sizeBytes, recordCount, blockCount, imageCount, end }: Round): string {
  const where = end ? `${end.reason} at ${formatLsn(end.lsn)}` : "the last segment";
  const average = Math.round(sizeBytes / recordCount);
  return `${sizeBytes} bytes up to ${where}: ${recordCount} records of ${average} bytes, ${blockCount} blocks, ${imageCount} page images`;
}

function describeSpeed(rounds: readonly Round[]): string {
  const sorted = rounds.toSorted((left, right) => left.seconds - right.seconds);
  const figures = [sorted[Math.floor(sorted.length / 2)]!, sorted[0]!].map((round) => {
    const speed = (round.sizeBytes / round.seconds / 1e9).toFixed(2);
    const rate = (round.recordCount / round.seconds / 1e6).toFixed(1);
    const each = ((round.seconds / round.recordCount) * 1e9).toFixed(0);
    return `${speed} GB/s, ${rate} million records/s, ${each} ns a record`;
  });
  return `median ${figures[0]}; best ${figures[1]}`;
}

const [directory, rounds = String(ROUNDS_DEFAULT)] = process.argv.slice(2);
if (directory === undefined) {
  throw new Error("usage: node benchmarks/wal-decode.ts DIRECTORY [ROUNDS]");
}
const segments = await loadSegments(directory);
const verified: Round[] = [];
const trusted: Round[] = [];
// By turns, so that a change of the machine's speed meets both.
for (let round = 0; round < Number(rounds); round += 1) {
  verified.push(decode(segments, true));
  trusted.push(decode(segments, false));
}
process.stdout.write(`${describeContent(verified[0]!)}\n`);
process.stdout.write(`with checksums:    ${describeSpeed(verified)}\n`);
process.stdout.write(`without checksums: ${describeSpeed(trusted)}\n`);
