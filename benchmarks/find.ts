// How long `hindsight find` takes over an archive of many segments, as a whole process.
//
//     node benchmarks/find.ts DIRECTORY [RUNS]
//
// DIRECTORY holds segments under their own names, of one cluster and timeline without gaps, such as make-pgbench-wal.ts
// leaves. They are archived with their indexes into a new repository below the temporary directory, which is removed at
// the end. Prints the number of segments and transactions, the sizes of segments and indexes, and for each search the
// median of the runs in milliseconds, beside `hindsight version`, which does nothing.
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { storeSegmentIndex } from "../src/archive/segment-index.ts";
import { createContext } from "../src/base/context.ts";
import { stanzaName } from "../src/model/stanza.ts";
import { createRepository } from "../src/repository/repository.ts";
import { createStanza } from "../src/repository/stanza.ts";
import { putWalFile, type WalArchive } from "../src/repository/wal-archive.ts";
import { openStore } from "../src/storage/open-store.ts";
import type { WalIndex } from "../src/wal/index-content.ts";
import { parseLongPageHeader } from "../src/wal/page.ts";

const RUNS_DEFAULT = 7;
const BLOCK_SIZE_BYTES = 8192;
const COMMAND = join(import.meta.dirname, "..", "bin", "hindsight");
const SEARCHES: readonly (readonly string[])[] = [
  ["version"],
  ["find"],
  ["find", "--operation=delete"],
  ["find", "--xid=1000"],
];
const context = createContext();

async function openArchive(path: string, first: Buffer): Promise<WalArchive> {
  const { systemIdentifier, segmentSizeBytes, majorVersion = 0 } = parseLongPageHeader(first);
  const store = openStore({ type: "posix", path }, context);
  const { repository } = await createRepository(store, context);
  const facts = {
    systemIdentifier,
    segmentSizeBytes,
    majorVersion,
    catalogVersion: 1,
    controlVersion: 1,
  };
  const stanza = stanzaName("main");
  const { record } = await createStanza(repository, stanza, facts, context);
  return { repository, stanza, record };
}

/** Archives every segment and its index; returns the number of transactions. */
async function fill(
  archive: WalArchive,
  directory: string,
  names: readonly string[],
): Promise<number> {
  const compression = { kind: "zstd", level: 1 } as const;
  let previous: WalIndex | undefined;
  let count = 0;
  for (const name of names) {
    const bytes = await readFile(join(directory, name));
    await putWalFile(archive, name, bytes, { compression }, context);
    const source = { archive, name, bytes, blockSizeBytes: BLOCK_SIZE_BYTES, previous };
    const stored = await storeSegmentIndex(source, context);
    previous = stored.kind === "stored" ? stored.index : undefined;
    count += previous?.ends.count ?? 0;
  }
  return count;
}

async function sizeOf(path: string, pattern: RegExp): Promise<number> {
  const files = await readdir(path, { recursive: true, withFileTypes: true });
  const found = files.filter((file) => file.isFile() && pattern.test(file.name));
  const sizes = await Promise.all(
    found.map(async (file) => (await stat(join(file.parentPath, file.name))).size),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}

/** Milliseconds of the median run. */
async function time(parameters: readonly string[], runs: number): Promise<number> {
  const times: number[] = [];
  for (let run = 0; run < runs; run += 1) {
    const begin = performance.now();
    await promisify(execFile)(COMMAND, [...parameters]);
    times.push(performance.now() - begin);
  }
  return times.toSorted((left, right) => left - right)[Math.floor(runs / 2)] ?? 0;
}

const [directory, runs = String(RUNS_DEFAULT)] = process.argv.slice(2);
if (directory === undefined) throw new Error("usage: node benchmarks/find.ts DIRECTORY [RUNS]");
const names = (await readdir(directory)).filter((name) => /^[0-9A-F]{24}$/.test(name)).toSorted();
const [firstName] = names;
if (firstName === undefined) throw new Error(`there is no WAL segment in ${directory}`);
const work = await mkdtemp(join(tmpdir(), "hindsight-find-"));
try {
  const repository = join(work, "repository");
  await mkdir(repository);
  const archive = await openArchive(repository, await readFile(join(directory, firstName)));
  const transactionCount = await fill(archive, directory, names);
  const config = join(work, "hindsight.conf");
  await writeFile(config, `[global]\nrepo1-path=${repository}\n[main]\npg1-path=${work}\n`);
  const plainBytes = names.length * archive.record.segmentSizeBytes;
  const indexBytes = await sizeOf(repository, /\.index-/);
  const share = ((100 * indexBytes) / plainBytes).toFixed(2);
  process.stdout.write(
    `${names.length} segments, ${transactionCount} transactions; indexes ${indexBytes} bytes, ${share} % of the segments\n`,
  );
  for (const search of SEARCHES) {
    const milliseconds = await time(
      [`--config=${config}`, "--stanza=main", ...search],
      Number(runs),
    );
    process.stdout.write(`${search.join(" ")}: ${milliseconds.toFixed(0)} ms\n`);
  }
} finally {
  await rm(work, { recursive: true, force: true });
}
