// Row 54 of the fault matrix, on a cluster that lives in Europe/Paris: a target that cannot be reached or has no one
// meaning is refused before a byte is written, with the reason and what can be reached; valid ones are met exactly.
import { existsSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { OUTER_MAJORS } from "../harness/majors.ts";
import { createCriticalOrders } from "../harness/orders.ts";
import { type ProtectedSite, protectCluster } from "../harness/protected.ts";
import { type CommittedTransaction, transaction, waitForArchived } from "../harness/wal.ts";
import { expectRefused, expectUnchanged } from "./input-ground.ts";

const ZONE = "Europe/Paris";
const SETTINGS = { timezone: ZONE, track_commit_timestamp: true };

/** Production after a backup and three transactions of which each deletes a thousand rows; one more was rolled back. */
interface Story {
  readonly site: ProtectedSite;
  readonly deletes: readonly [CommittedTransaction, CommittedTransaction, CommittedTransaction];
  readonly beforeBackup: CommittedTransaction;
  readonly abortedXid: string;
}

async function tellStory(major: number): Promise<Story> {
  const site = await protectCluster({ major, settings: SETTINGS });
  const { production } = site;
  await createCriticalOrders(production);
  const beforeBackup = await transaction(production, "update critical_orders set amount = 1");
  await production.sql("select pg_create_restore_point('before_the_backup')");
  await site.backUp();
  const remove = (from: number): Promise<CommittedTransaction> =>
    transaction(
      production,
      `delete from critical_orders where id between ${from} and ${from + 999}`,
    );
  const first = await remove(1);
  await production.sql("select pg_create_restore_point('after_first')");
  await using session = await production.connect();
  await session.sql("begin; delete from critical_orders");
  const abortedXid = String(await session.value("select pg_current_xact_id()"));
  await session.sql("rollback");
  const second = await remove(1001);
  const third = await remove(2001);
  await waitForArchived(production);
  return { site, deletes: [first, second, third], beforeBackup, abortedXid };
}

describe.each(OUTER_MAJORS)("PostgreSQL %i", (major) => {
  let story: Story;

  beforeAll(async () => {
    story = await tellStory(major);
  });

  afterAll(() => story.site[Symbol.asyncDispose]());

  /** The wall clock of the cluster's zone, as a DBA reads it off, without offset. */
  const localTime = (time: string): Promise<string | null> =>
    story.site.production.value(
      `select to_char($1::timestamptz at time zone '${ZONE}', 'YYYY-MM-DD HH24:MI:SS.US')`,
      [time],
    );

  const refusals: readonly (readonly [
    string,
    () => readonly string[] | Promise<readonly string[]>,
    {
      readonly exit: number;
      readonly code: string;
      readonly message?: RegExp;
      readonly hint: RegExp;
    },
  ])[] = [
    [
      "a time before the backup ended",
      () => ["--type=time", `--target=${story.beforeBackup.endTime}`],
      { exit: 29, code: "TARGET_UNREACHABLE", hint: /earliest .*\d{4}-/ },
    ],
    [
      "a transaction before the backup",
      () => ["--type=xid", `--target=${story.beforeBackup.xid}`],
      { exit: 29, code: "TARGET_INVALID", hint: /./ },
    ],
    [
      "an LSN before the backup ended",
      () => ["--type=lsn", `--target=${story.beforeBackup.endLsn}`],
      { exit: 29, code: "TARGET_UNREACHABLE", hint: /earliest/ },
    ],
    [
      "a time after the last commit",
      () => ["--type=time", "--target=2100-01-01 00:00:00+00"],
      { exit: 29, code: "TARGET_UNREACHABLE", message: /2100-01-01/, hint: /./ },
    ],
    [
      "an LSN after the end of the archive",
      () => ["--type=lsn", "--target=FF/0"],
      { exit: 29, code: "TARGET_UNREACHABLE", message: /FF\/0/, hint: /./ },
    ],
    [
      "a restore point that is not there",
      () => ["--type=name", "--target=no_such_point"],
      { exit: 29, code: "TARGET_INVALID", message: /no_such_point/, hint: /./ },
    ],
    [
      "a transaction that is not there",
      () => ["--type=xid", "--target=987654321"],
      { exit: 29, code: "TARGET_INVALID", message: /987654321/, hint: /./ },
    ],
    [
      "a transaction that was rolled back",
      () => ["--type=xid", `--target=${story.abortedXid}`],
      { exit: 29, code: "TARGET_INVALID", message: /rolled back/, hint: /./ },
    ],
    [
      "a local time that the clock change skipped, with both readings",
      () => ["--type=time", "--target=2026-03-29 02:30:00"],
      {
        exit: 29,
        code: "TARGET_INVALID",
        message: /2026-03-29 02:30/,
        hint: /01:30.*\+01.*03:30.*\+02|03:30.*\+02.*01:30.*\+01/,
      },
    ],
    [
      "a local time that the clock change repeated, with both readings",
      () => ["--type=time", "--target=2025-10-26 02:30:00"],
      {
        exit: 29,
        code: "TARGET_INVALID",
        message: /2025-10-26 02:30/,
        hint: /\+02.*\+01|\+01.*\+02/,
      },
    ],
    [
      "a text that is no time",
      () => ["--type=time", "--target=the day before yesterday"],
      { exit: 2, code: "TIMESTAMP_INVALID", message: /the day before yesterday/, hint: /\d{4}-/ },
    ],
    [
      "a day that does not exist",
      () => ["--type=time", "--target=2026-02-30 12:00:00+00"],
      { exit: 2, code: "TIMESTAMP_INVALID", message: /2026-02-30/, hint: /./ },
    ],
    [
      "a text that is no LSN",
      () => ["--type=lsn", "--target=halfway"],
      { exit: 2, code: "LSN_INVALID", message: /halfway/, hint: /./ },
    ],
    [
      "a text that is no transaction",
      () => ["--type=xid", "--target=last"],
      { exit: 2, code: "XID_INVALID", message: /last/, hint: /./ },
    ],
    [
      "a type without its target",
      () => ["--type=time"],
      { exit: 2, code: "CONFIG_OPTION_MISSING", message: /--target/, hint: /--target=/ },
    ],
    [
      "a target without its type",
      () => ["--target=2026-01-01 00:00:00+00"],
      { exit: 2, code: "CONFIG_OPTION_MISSING", message: /--target/, hint: /--type=/ },
    ],
  ];

  test.each(refusals)("%s is refused, and nothing is written", async (_, parameters, refusal) => {
    const { workspace } = story.site;
    const copy = workspace.path("refused");
    await expectUnchanged([workspace.repositoryDirectory], async () => {
      const words = [`--pg1-path=${copy}`, ...(await parameters()), "restore"];
      await expectRefused(workspace, words, refusal);
    });
    expect(existsSync(copy)).toBe(false);
  });

  test("valid targets leave exactly the rows of their instant, local times in the cluster's zone", async () => {
    const { site, deletes } = story;
    const [first, second, third] = deletes;
    const cases: readonly (readonly [string, readonly string[], number])[] = [
      ["xid", ["--type=xid", `--target=${second.xid}`], 8000],
      ["before-xid", ["--type=xid", `--target=${second.xid}`, "--target-exclusive"], 9000],
      ["lsn", ["--type=lsn", `--target=${second.beginLsn}`], 9000],
      ["name", ["--type=name", "--target=after_first"], 9000],
      ["commit", ["--type=time", `--target=${second.commitTime}`], 8000],
      [
        "before-commit",
        ["--type=time", `--target=${second.commitTime}`, "--target-exclusive"],
        9000,
      ],
      ["local", ["--type=time", `--target=${await localTime(third.beginTime)}`], 8000],
      ["local-start", ["--type=time", `--target=${await localTime(first.beginTime)}`], 10_000],
      ["zone", ["--type=time", `--target=${await localTime(third.beginTime)} ${ZONE}`], 8000],
    ];
    for (const [name, parameters, rows] of cases) {
      await using copy = await site.restore(name, [...parameters, "--target-action=promote"]);
      await copy.start();
      await copy.waitForPromotion();
      expect([name, await copy.count("critical_orders")]).toEqual([name, rows]);
    }
  });
});
