// How long a fresh process takes to decode one segment, as archive-push does: none of the code is compiled yet, and it
// is over before most of it is. What the figures were and what they mean: README.md.
//
//     node benchmarks/wal-decode-cold.ts SEGMENT [PROCESSES]
//
// SEGMENT is a file that a pg_wal holds. Starts one process after the other, which reads the file and decodes it once,
// and prints the medians in milliseconds: of decoding, with and without checksums, as processor time of the thread that
// does it and as time that passes, in which V8 compiles on another core; and of the whole process from start to exit,
// beside one that does not decode. That these processes also strip types from sources is not what an installed
// Hindsight does: it runs what the build has made of them.
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";
import { parseLongPageHeader } from "../src/wal/page.ts";
import { WalReader } from "../src/wal/reader.ts";

const PROCESSES_DEFAULT = 15;
/** Says to a process that it is one of those that are measured, and which. */
const ROLE = "WAL_DECODE_ROLE";
const ROLES = ["verified", "trusted", "idle"] as const;
type Role = (typeof ROLES)[number];

/** What a process says of its decoding. */
interface Decoding {
  readonly cpuMs: number;
  readonly elapsedMs: number;
}

interface Run extends Decoding {
  readonly processMs: number;
}

/** Processor time of this thread; process.threadCpuUsage() counts in ticks of some milliseconds. */
function threadCpuMs(): number {
  return Number(readFileSync("/proc/thread-self/schedstat", "utf8").split(" ")[0]) / 1e6;
}

/** Decodes a segment once, from its first record on. */
async function decodeOnce(file: string, verifiesChecksums: boolean): Promise<Decoding> {
  const bytes = await readFile(file);
  const { pageLsn: begin, segmentSizeBytes, majorVersion = 0 } = parseLongPageHeader(bytes);
  const layout = { majorVersion, blockSizeBytes: 8192 };
  const begun = performance.now();
  const cpuBegun = threadCpuMs();
  const skipsRest = true;
  const reader = new WalReader({ begin, segmentSizeBytes, layout, skipsRest, verifiesChecksums });
  let blockCount = 0;
  reader.read(bytes, (record) => (blockCount += record.blockCount));
  const cpuMs = threadCpuMs() - cpuBegun;
  const elapsedMs = performance.now() - begun;
  if (blockCount === 0) throw new Error(`${file} holds no record with a block`);
  return { cpuMs, elapsedMs };
}

async function runProcess(role: Role, file: string): Promise<Run> {
  const begun = performance.now();
  const { stdout } = await promisify(execFile)(process.execPath, [import.meta.filename, file], {
    env: { [ROLE]: role },
  });
  return { ...(JSON.parse(stdout) as Decoding), processMs: performance.now() - begun };
}

function median(values: readonly number[]): string {
  const sorted = values.toSorted((left, right) => left - right);
  return sorted[Math.floor(sorted.length / 2)]!.toFixed(1);
}

async function compare(file: string, processCount: number): Promise<void> {
  const runs: Record<Role, Run[]> = { verified: [], trusted: [], idle: [] };
  for (let count = 0; count < processCount; count += 1) {
    for (const role of ROLES) runs[role].push(await runProcess(role, file));
  }
  for (const role of ROLES) {
    const [cpu, elapsed, whole] = (["cpuMs", "elapsedMs", "processMs"] as const).map((figure) =>
      median(runs[role].map((run) => run[figure])),
    );
    process.stdout.write(
      `${role}: decoding ${cpu} ms of its thread, ${elapsed} ms elapsed; process ${whole} ms\n`,
    );
  }
}

const [file, processes = String(PROCESSES_DEFAULT)] = process.argv.slice(2);
if (file === undefined) {
  throw new Error("usage: node benchmarks/wal-decode-cold.ts SEGMENT [PROCESSES]");
}
const role = process.env[ROLE];
if (role === undefined) {
  await compare(file, Number(processes));
} else {
  const nothing: Decoding = { cpuMs: 0, elapsedMs: 0 };
  const decoding = role === "idle" ? nothing : await decodeOnce(file, role === "verified");
  process.stdout.write(JSON.stringify(decoding));
}
