// How long a fresh process takes to decode one segment, as archive-push does: none of the code is compiled yet, and it
// is over before most of it is. What the figures were and what they mean: README.md.
//
//     node benchmarks/wal-decode-cold.ts SEGMENT [PROCESSES]
//
// SEGMENT is a file that a pg_wal holds. Starts one process after the other, which reads the file and decodes it once,
// and prints the medians in milliseconds: of the processor time to decode, with and without checksums, and of the whole
// process from start to exit, beside one that does nothing.
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";
import { parseLongPageHeader } from "../src/wal/page.ts";
import { WalReader } from "../src/wal/reader.ts";

const PROCESSES_DEFAULT = 15;
/** Says to a process that it is one of those that are measured, and which. */
const ROLE = "WAL_DECODE_ROLE";
const ROLES = ["verified", "trusted", "idle"] as const;
type Role = (typeof ROLES)[number];

interface Run {
  readonly decodeMs: number;
  readonly processMs: number;
}

/** Decodes a segment from its first record on, and returns the milliseconds that took. */
async function decodeOnce(file: string, verifiesChecksums: boolean): Promise<number> {
  const bytes = await readFile(file);
  const { pageLsn: begin, segmentSizeBytes, majorVersion = 0 } = parseLongPageHeader(bytes);
  const layout = { majorVersion, blockSizeBytes: 8192 };
  const begun = performance.now();
  const skipsRest = true;
  const reader = new WalReader({ begin, segmentSizeBytes, layout, skipsRest, verifiesChecksums });
  let blockCount = 0;
  reader.read(bytes, (record) => (blockCount += record.blockCount));
  const milliseconds = performance.now() - begun;
  if (blockCount === 0) throw new Error(`${file} holds no record with a block`);
  return milliseconds;
}

async function runProcess(role: Role, file: string): Promise<Run> {
  const begun = performance.now();
  const { stdout } = await promisify(execFile)(process.execPath, [import.meta.filename, file], {
    env: { [ROLE]: role },
  });
  return { decodeMs: Number(stdout), processMs: performance.now() - begun };
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
    const decodeMs = median(runs[role].map((run) => run.decodeMs));
    const processMs = median(runs[role].map((run) => run.processMs));
    process.stdout.write(`${role}: decoding ${decodeMs} ms, process ${processMs} ms\n`);
  }
}

const [file, processes = String(PROCESSES_DEFAULT)] = process.argv.slice(2);
if (file === undefined) {
  throw new Error("usage: node benchmarks/wal-decode-cold.ts SEGMENT [PROCESSES]");
}
const role = process.env[ROLE];
if (role === undefined) await compare(file, Number(processes));
else if (role === "idle") process.stdout.write("0");
else process.stdout.write(String(await decodeOnce(file, role === "verified")));
