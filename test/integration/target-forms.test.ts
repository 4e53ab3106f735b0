// Every form of `hindsight target`, and that a restore of what it compiled holds exactly the rows it said.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { OUTER_MAJORS } from "../harness/majors.ts";
import {
  instantOf,
  layTargetGround,
  type TargetAnswerJson,
  type TargetGround,
  ZONE,
} from "./target-ground.ts";

describe.each(OUTER_MAJORS)("PostgreSQL %i", (major) => {
  let ground: TargetGround;

  beforeAll(async () => {
    ground = await layTargetGround(major);
  });

  afterAll(() => ground[Symbol.asyncDispose]());

  const compile = (...words: readonly string[]): Promise<TargetAnswerJson> =>
    ground.site.workspace.json<TargetAnswerJson>(["target", ...words]);

  /** The options of the restore command that the answer ends with. */
  const optionsOf = ({ restore }: TargetAnswerJson): readonly string[] =>
    restore.split(" ").filter((word) => /^--(?:type|target|set)/.test(word));

  async function rowsAfter(name: string, options: readonly string[]): Promise<unknown> {
    const parameters = [...options, "--target-action=promote"];
    await using copy = await ground.site.restore(name, parameters);
    await copy.start();
    await copy.waitForPromotion();
    return await copy.count("critical_orders");
  }

  test("a time, before a transaction and a position are one exact position", async () => {
    const { first, second, firstBackup } = ground;
    const time = instantOf(first.commitTime ?? "");
    const byTime = await compile(time);
    expect(byTime).toMatchObject({
      expression: time,
      target: { type: "lsn", exclusive: true, timeline: 1 },
      commitBefore: { xid: first.xid, time },
      backup: firstBackup.label,
      reachable: true,
      reason: null,
    });
    expect(byTime.walBytes).toBe(byTime.walSegments * 1024 * 1024);
    expect(byTime.walStoredBytes).toBeGreaterThan(0);
    expect(byTime.forecastSeconds).toBeGreaterThan(0);
    const byXid = await compile(`before-xid:${second.xid}`);
    expect(byXid).toMatchObject({
      target: { type: "lsn", target: byXid.commitAfter?.lsn, exclusive: true },
      commitBefore: { xid: first.xid },
      commitAfter: { xid: second.xid },
    });
    expect(await compile(`before-lsn:${byXid.commitAfter?.lsn}`)).toMatchObject({
      target: byXid.target,
    });
    expect(await rowsAfter("time", optionsOf(byTime))).toBe(9000);
    expect(await rowsAfter("before-xid", optionsOf(byXid))).toBe(9000);
  });

  test("after a transaction goes by its id, and after a record by its position", async () => {
    const { second, third } = ground;
    const byXid = await compile(`xid:${second.xid}`);
    expect(byXid).toMatchObject({
      target: { type: "xid", target: second.xid, exclusive: false, timeline: 1 },
      stopLsn: byXid.commitBefore?.lsn,
      commitBefore: { xid: second.xid },
      commitAfter: { xid: third.xid },
    });
    const byLsn = await compile(`lsn:${byXid.stopLsn}`);
    expect(byLsn).toMatchObject({
      target: { type: "lsn", target: byXid.stopLsn, exclusive: false },
      commitBefore: { xid: second.xid },
    });
    expect(await rowsAfter("xid", optionsOf(byXid))).toBe(8000);
    expect(await rowsAfter("lsn", optionsOf(byLsn))).toBe(8000);
    expect(await rowsAfter("name", optionsOf(await compile("name:twice")))).toBe(9000);
  });

  test("latest is the last record that is archived, and immediate the end of the newest backup", async () => {
    const { last, lost, secondBackup } = ground;
    expect(await compile("latest")).toMatchObject({
      target: { type: "lsn", exclusive: false },
      commitBefore: { xid: last.xid },
      commitAfter: null,
      backup: secondBackup.label,
    });
    expect(await compile("immediate")).toMatchObject({
      target: { type: "immediate", target: "", exclusive: false },
      stopLsn: secondBackup.stopLsn,
      commitAfter: { xid: ground.part.parent },
    });
    expect(lost.xid).not.toBe(last.xid);
  });

  test("before DROP DATABASE is before its files go, and the database can be used", async () => {
    const { dropXid, third } = ground;
    const answer = await compile(`before-xid:${dropXid}`);
    expect(answer).toMatchObject({ commitBefore: { xid: third.xid } });
    expect(answer.notes.join()).toContain(`before transaction ${dropXid} removed the files`);
    const options = ["--type=xid", `--target=${dropXid}`, "--target-exclusive"];
    await using copy = await ground.site.restore("drop", [...options, "--target-action=promote"]);
    await copy.start();
    await copy.waitForPromotion();
    await using session = await copy.connect("victim");
    expect(await session.value("select count(*) from t")).toBe("5");
  });

  test("what is given up is listed up to a limit, and its rest counted", async () => {
    const { first, second, third } = ground;
    const time = instantOf(first.commitTime ?? "");
    const { lost } = await compile(time, "--list-lost", "--limit=2");
    expect(lost.transactions.map(({ xid }) => xid)).toEqual([second.xid, third.xid]);
    expect(lost.count).toBe(lost.transactions.length + lost.rest);
    expect(lost.unreadable).toContain(ground.lostSegment);
    const text = await ground.site.workspace.succeed(["target", time, "--list-lost", "--limit=2"]);
    expect(text.stdout).toMatch(
      /^given up: \d+ transactions\n {2}\d+ {2}.*\n {2}\d+ {2}.*\nand \d+ more; --limit=\d+ shows all$/m,
    );
    expect(text.stdout).toContain(ZONE);
  });

  test("a restore tells PostgreSQL a position for a time, and whose commit it stopped before", async () => {
    const { second, third, site } = ground;
    const time = instantOf(second.commitTime ?? "");
    const words = [`--pg1-path=${site.workspace.path("driven")}`, "--type=time", "restore"];
    const restored = await site.workspace.json<{
      readonly target: unknown;
      readonly compiled: { readonly target: string };
      readonly commitAfter: TargetAnswerJson["commitAfter"];
      readonly recovery: { readonly state: string; readonly lastReplayed: unknown };
    }>([...words, `--target=${time}`, "--start"]);
    const { target } = await compile(time);
    expect(restored).toMatchObject({
      target: { type: "time", exclusive: false, timeline: 1 },
      compiled: target ?? {},
      commitBefore: { xid: second.xid },
      commitAfter: { xid: third.xid },
      recovery: {
        state: "paused",
        stoppedBefore: { reason: "lsn", lsn: restored.compiled.target, xid: third.xid },
        lastReplayed: { xid: second.xid, time },
      },
    });
    const plan = await site.workspace.succeed([
      `--pg1-path=${site.workspace.path("planned")}`,
      "--type=time",
      `--target=${time}`,
      "--dry-run",
      "restore",
    ]);
    expect(plan.stdout).toContain(`recovery_target_lsn = '${target?.target}'`);
    expect(plan.stdout).toContain("recovery_target_time = ''");
    expect(plan.stdout).toMatch(/^WAL from \w{24} to \w{24}, \d+ segments, \dMB \(.* in the repo/m);
    expect(plan.stdout).toMatch(/^forecast, rough: /m);
  });
});
