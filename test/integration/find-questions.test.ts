// `hindsight find` with every option, against a real server: what is asked for is found whole, what is printed can be typed
// again, and what was not searched is said. What it says of each kind of change: find.test.ts.
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { NEWEST_MAJOR } from "../harness/majors.ts";
import { type ProtectedSite, protectCluster } from "../harness/protected.ts";
import {
  type CommittedTransaction,
  switchWal,
  transaction,
  waitForArchived,
} from "../harness/wal.ts";

interface Found {
  readonly transactions: readonly {
    readonly xid: string;
    readonly commitTime: string;
    readonly incomplete: boolean;
    readonly aborted: boolean;
    readonly relations: readonly Record<string, unknown>[];
    readonly droppedPlace: Record<string, unknown> | null;
    readonly commitBeforeReason: string | null;
    readonly restore: string | null;
    readonly unreachable: string | null;
  }[];
  readonly rolledBack: { readonly xid: string } | null;
  readonly searched: {
    readonly withoutIndex: number;
    readonly archivedTo: { readonly lastCommit: { readonly xid: string } };
    readonly missing: readonly unknown[];
  };
}

let site: ProtectedSite;
/** Deletes 2,000 rows before the second backup and 1,000 behind it. */
let slow: { readonly xid: string; readonly from: string };
let strange: CommittedTransaction;
let replaced: CommittedTransaction;
let updated: CommittedTransaction;
let last: CommittedTransaction;
let dropXid: string;
let abortedXid: string;

beforeAll(async () => {
  site = await protectCluster({ major: NEWEST_MAJOR, settings: { autovacuum: false } });
  const { production } = site;
  await production.sql("create table big as select n from generate_series(1, 5000) n");
  await production.sql('create schema "My.Sch"; create table "My.Sch"."Ödd Näme" (n int)');
  await production.sql("create database victim");
  await production.sql("analyze big");
  await production.sql("create table never as select n from generate_series(1, 500) n");
  await site.backUp();
  {
    await using session = await production.connect();
    await session.sql("begin; delete from big where n <= 2000");
    const xid = String(await session.value("select pg_current_xact_id()"));
    await switchWal(production);
    await site.backUp();
    const from = String(await session.value("select clock_timestamp()"));
    await session.sql("delete from big where n <= 3000");
    await session.sql("commit");
    slow = { xid, from };
  }
  strange = await transaction(production, 'insert into "My.Sch"."Ödd Näme" values (1), (2), (3)');
  replaced = await transaction(production, "truncate never; insert into never values (1)");
  updated = await transaction(production, "update big set n = -n where n > 4000");
  abortedXid = await rolledBack();
  dropXid = String(await production.value("select pg_current_xact_id()"));
  await production.sql("drop database victim");
  dropXid = String(BigInt(dropXid) + 1n);
  await waitForArchived(production);
  last = await transaction(production, "delete from never");
  await waitForArchived(production);
});

afterAll(() => site?.[Symbol.asyncDispose]());

async function rolledBack(): Promise<string> {
  await using session = await site.production.connect();
  await session.sql("begin; delete from big");
  const xid = String(await session.value("select pg_current_xact_id()"));
  await session.sql("rollback");
  return xid;
}

const find = (...options: readonly string[]): Promise<Found> =>
  site.workspace.json<Found>([...options, "find"]);
const text = async (...options: readonly string[]): Promise<string> =>
  (await site.workspace.succeed([...options, "find"])).stdout;
const xidsOf = ({ transactions }: Found): readonly string[] => transactions.map(({ xid }) => xid);

test("a transaction that began before --from and the backup there is found with all its rows", async () => {
  const options = ["--table=big", "--operation=delete", `--from=${slow.from}`, "--min-rows=3000"];
  const { transactions } = await find(...options);
  expect(transactions).toMatchObject([
    { xid: slow.xid, incomplete: false, relations: [{ name: "big", deleted: 3000 }] },
  ]);
});

test("each operation finds what did it, and --to ends the search", async () => {
  expect(xidsOf(await find("--operation=update"))).toEqual([updated.xid]);
  expect(xidsOf(await find("--operation=truncate"))).toEqual([replaced.xid]);
  expect(xidsOf(await find("--operation=insert"))).toContain(strange.xid);
  expect(xidsOf(await find("--operation=delete"))).toEqual([slow.xid, last.xid]);
  expect(xidsOf(await find("--operation=delete", `--to=${strange.endTime}`))).toEqual([slow.xid]);
  const lostMost = ["--table=never", "--operation=truncate", "--min-rows=499"];
  expect(xidsOf(await find(...lostMost))).toEqual([replaced.xid]);
});

test("a database that was dropped comes first; rows of a table that nobody analysed are counted in WAL", async () => {
  const { transactions } = await find("--limit=3");
  expect(transactions.map(({ xid }) => xid)).toEqual([dropXid, slow.xid, replaced.xid]);
  expect(transactions[0]?.droppedPlace).toMatchObject({ kind: "database", name: "victim" });
  expect(await text(`--xid=${dropXid}`)).toContain("    database victim  DROPPED");
  expect(transactions[2]?.relations).toMatchObject([
    { replacedBy: 1, rowsEstimate: 500, rowsEstimatedAt: null },
  ]);
});

test("what rolled back is shown with --aborted, and named when its id is asked for", async () => {
  const { transactions, rolledBack: named } = await find(`--xid=${abortedXid}`);
  expect([transactions, named?.xid]).toEqual([[], abortedXid]);
  expect(await text(`--xid=${abortedXid}`)).toMatch(/rolled back at .*; --aborted shows it/);
  const shown = await find(`--xid=${abortedXid}`, "--aborted");
  expect(shown.transactions).toMatchObject([{ aborted: true, relations: [{ deleted: 2000 }] }]);
});

test("a printed name and a printed command can be typed again", async () => {
  const printed = await text(`--xid=${strange.xid}`);
  const [, name = ""] = /^ {4}(\S.*\S) {2,}3 inserted$/m.exec(printed) ?? [];
  expect(name).toBe('postgres."My.Sch"."Ödd Näme"');
  expect(xidsOf(await find(`--table=${name}`))).toEqual([strange.xid]);
  const [, command = ""] = /to the instant before: hindsight (.*)$/m.exec(printed) ?? [];
  const words = command.split(" ").filter((word) => !word.startsWith("--config="));
  const place = words.map((word) =>
    word.startsWith("--pg1-path=") ? `--pg1-path=${site.workspace.path("beside")}` : word,
  );
  await site.workspace.succeed(["--dry-run", ...place]);
});

test("a name that is not known is told whole, with one that is near", async () => {
  const result = await site.workspace.run(["--table=postgres.public.nevr", "find"]);
  expect(result).toMatchObject({ exitCode: 2 });
  expect(result.stderr).toContain("no table postgres.public.nevr is known");
  expect(result.stderr).toContain("There is postgres.public.never.");
});

test("the answer says between which times was searched, where the archive ends, and what --from can never find", async () => {
  const { searched } = await find();
  expect(searched.archivedTo.lastCommit.xid).toBe(last.xid);
  const printed = await text(`--from=${last.endTime}`);
  expect(printed).toContain("No transaction matched.");
  expect(printed).toMatch(/for what ended at \d{4}-\S+ \S+ or later/);
  expect(printed).toContain("--from lies behind the last commit that is archived.");
  expect(printed).toContain("select pg_switch_wal()");
});

test("--timeline draws the time that was asked for", async () => {
  const printed = await text("--timeline", `--from=${slow.from}`, `--to=${last.beginTime}`);
  expect(printed).toMatch(/^WAL written {4}\|.{60}\| at most [\d.]+ MiB a column$/m);
  expect(printed).toMatch(/^rows deleted {3}\|.*@.*\| at most 3,000 a column$/m);
  expect(printed).toMatch(/^tables lost {4}\|.*[TD].*\|/m);
  expect(printed).toMatch(/^backups {8}\| {60}\|/m);
});

describe("with damage", () => {
  const archived = async (): Promise<readonly string[]> => {
    const folder = join(site.workspace.repositoryDirectory, "stanza/main/archive");
    const names = await readdir(folder, { recursive: true });
    return names.map((name) => join(folder, name)).toSorted();
  };

  test("segments without index are read whole; a gap is told, and nothing across it is made up", async () => {
    const files = await archived();
    const indexes = files.filter((name) => name.includes(".index-"));
    await rm(indexes.at(-1) ?? "");
    expect((await find("--operation=delete")).searched.withoutIndex).toBe(1);
    expect(await text()).toContain("1 segment had no WAL index and was read whole");
    // The one before the last, with its index: `last` lies behind the gap.
    const segments = files.filter((name) => /\/[0-9A-F]{24}$/.test(name));
    const lost = segments.at(-2) ?? "";
    await Promise.all(files.filter((name) => name.startsWith(lost)).map((name) => rm(name)));
    const { transactions, searched } = await find(`--xid=${last.xid}`);
    expect(searched.missing).toHaveLength(1);
    expect(transactions).toMatchObject([
      {
        commitBeforeReason: "not known, WAL before it is missing",
        restore: null,
        unreachable: expect.stringContaining("is missing or damaged") as string,
      },
    ]);
    expect(await text(`--xid=${last.xid}`)).toContain("NOT SEARCHED, because not archived");
  });
});
