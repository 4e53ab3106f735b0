// What `hindsight target` and `restore` answer where a target means something else than was thought, or nothing: each of
// them precisely, with the exit status, and with the nearest places that can be reached.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { describeInstant } from "../../src/model/timestamp.ts";
import { OUTER_MAJORS } from "../harness/majors.ts";
import {
  clockIn,
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

  const compile = (expression: string): Promise<TargetAnswerJson> =>
    ground.site.workspace.json<TargetAnswerJson>(["target", expression]);

  /** The answer to an expression that must be refused: the same for scripts and for people. */
  async function refused(expression: string): Promise<TargetAnswerJson> {
    const { workspace } = ground.site;
    const json = await workspace.run(["target", expression, "--output=json"]);
    expect(json.exitCode, json.stderr).toBe(29);
    expect(json.stderr).not.toContain("error");
    const answer = JSON.parse(json.stdout) as TargetAnswerJson;
    expect(answer).toMatchObject({ expression, reachable: false, target: null, backup: null });
    const text = await workspace.run(["target", expression]);
    expect([text.exitCode, text.stdout]).toEqual([29, ""]);
    expect(text.stderr).toContain(`error: ${answer.reason} [${answer.code}]`);
    expect(text.stderr).toContain(`hint: ${answer.hint}`);
    return answer;
  }

  const inWords = (time: string): string => describeInstant(Temporal.Instant.from(time), ZONE);
  const commitTime = (which: "first" | "second" | "third" | "last"): string =>
    instantOf(ground[which].commitTime ?? "");

  test("a time in another zone than was meant is echoed in both, and the other clock suggested", async () => {
    const time = commitTime("second");
    const local = await compile(clockIn(ZONE, time));
    expect(local).toMatchObject({ commitBefore: { xid: ground.second.xid, time } });
    expect(local.notes[0]).toContain(inWords(time));
    expect(await compile(`${clockIn("UTC", time)} UTC`)).toMatchObject({ target: local.target });
    // The clock of UTC read in Paris is an hour or two too early.
    const wrong = clockIn("UTC", time);
    expect(await refused(wrong)).toMatchObject({
      code: "TARGET_UNREACHABLE",
      hint: `The earliest that can be reached is ${inWords(ground.firstBackup.stopTime)} (LSN ${ground.firstBackup.stopLsn}). It was read in ${ZONE}; if the clock of UTC was meant, write ${wrong}+00:00.`,
    });
    const unknown = await ground.site.workspace.run(["target", "11:49 Europe/Pariss"]);
    expect(unknown.exitCode).toBe(2);
    expect(unknown.stderr).toContain(
      'error: "Europe/Pariss" in "11:49 Europe/Pariss" is no time zone [TIMESTAMP_INVALID]',
    );
  });

  test("a time in the hour that a clock change skipped or repeated is refused with both readings", async () => {
    expect(await refused("2026-03-29 02:30")).toMatchObject({
      code: "TARGET_INVALID",
      reason: `2026-03-29 02:30:00 does not exist in ${ZONE}, where the clocks changed`,
      hint: "Say which instant is meant, with its offset: 2026-03-29 01:30:00.000000+01:00 or 2026-03-29 03:30:00.000000+02:00.",
      nearest: { earlier: null, later: null },
    });
    expect(await refused("2025-10-26 02:30")).toMatchObject({
      reason: `2025-10-26 02:30:00 exists twice in ${ZONE}, where the clocks changed`,
      hint: "Say which instant is meant, with its offset: 2025-10-26 02:30:00.000000+02:00 or 2025-10-26 02:30:00.000000+01:00.",
    });
  });

  test("a time before the backup's end is refused with that end", async () => {
    const { firstBackup } = ground;
    const time = instantOf(ground.beforeBackup.commitTime ?? "");
    expect(await refused(time)).toMatchObject({
      code: "TARGET_UNREACHABLE",
      reason: `${inWords(time)} lies before the end of the oldest usable backup, ${firstBackup.label}`,
      nearest: {
        earlier: null,
        later: { time: firstBackup.stopTime, lsn: firstBackup.stopLsn },
      },
    });
    const ago = await ground.site.workspace.run(["target", "1 week ago"]);
    expect(ago.exitCode).toBe(29);
    expect(ago.stderr).toContain("lies before the end of the oldest usable backup");
  });

  test("a time after the last commit is refused with that commit", async () => {
    const time = commitTime("last");
    const answer = await refused("2100-01-01 00:00:00+00");
    expect(answer).toMatchObject({
      code: "TARGET_UNREACHABLE",
      reason: `${inWords("2100-01-01T00:00:00Z")} lies after everything archived: the last transaction in the archive ended at ${inWords(time)}`,
      nearest: { earlier: { time }, later: null },
    });
    const { earlier } = answer.nearest;
    // What is called the nearest can be reached.
    expect(await compile(`lsn:${earlier?.lsn}`)).toMatchObject({
      commitBefore: { xid: ground.last.xid, time },
      commitAfter: null,
    });
  });

  test("a time inside a gap is refused with the end of what can be read and the backup behind it", async () => {
    const { lost, lostSegment, secondBackup } = ground;
    const time = instantOf(lost.commitTime ?? "");
    const answer = await refused(time);
    expect(answer).toMatchObject({
      code: "TARGET_UNREACHABLE",
      reason: expect.stringMatching(
        new RegExp(
          `lies in a gap of the archive: WAL segment ${lostSegment} is not in the archive, although segment [0-9A-F]{24} is$`,
        ),
      ) as string,
      nearest: { later: { time: secondBackup.stopTime, lsn: secondBackup.stopLsn } },
    });
    const { earlier } = answer.nearest;
    expect(await compile(`lsn:${earlier?.lsn}`)).toMatchObject({
      commitBefore: { xid: ground.dropXid, time: earlier?.time },
    });
    expect((await refused(`xid:${lost.xid}`)).reason).toContain(
      "was not found in what can be read of the archive: WAL segment",
    );
    const check = await ground.site.workspace.run(["check"]);
    expect([check.exitCode, check.stdout]).toEqual([
      0,
      expect.stringMatching(`archive gaps: WARNING \\(.*${lostSegment}`) as string,
    ]);
    const restore = await ground.site.tryRestore("gap", ["--type=time", `--target=${time}`]);
    expect(restore.exitCode).toBe(31);
    expect(restore.stderr).toContain(`error: ${answer.reason} [WAL_SEGMENT_MISSING]`);
  });

  test("a transaction that was rolled back is refused with its rollback and the commit before it", async () => {
    const answer = await refused(`xid:${ground.abortedXid}`);
    expect(answer).toMatchObject({
      code: "TARGET_INVALID",
      reason: expect.stringMatching(
        `^transaction ${ground.abortedXid} was rolled back at .* \\(LSN [0-9A-F]+/[0-9A-F]+\\)$`,
      ) as string,
      nearest: { earlier: { time: commitTime("first") } },
    });
    const before = await refused(`before-xid:${ground.abortedXid}`);
    expect(before.nearest).toEqual(answer.nearest);
    expect(await compile(`lsn:${answer.nearest.later?.lsn}`)).toMatchObject({
      commitBefore: { xid: ground.first.xid },
      commitAfter: { xid: ground.second.xid },
    });
  });

  test("a part of a transaction leads to the whole, and before a part is before the whole", async () => {
    const { part } = ground;
    expect(await refused(`xid:${part.xid}`)).toMatchObject({
      code: "TARGET_INVALID",
      reason: expect.stringMatching(
        `^transaction ${part.xid} is a subtransaction of ${part.parent}, which committed at `,
      ) as string,
      hint: `They commit together; to recover to the whole transaction: --type=xid --target=${part.parent}.`,
    });
    const { hint, nearest } = await refused(`before-xid:${part.xid}`);
    expect(hint).toContain(`--type=xid --target=${part.parent} --target-exclusive.`);
    const whole = await compile(`before-xid:${part.parent}`);
    expect(nearest.later).toMatchObject({ lsn: whole.commitAfter?.lsn });
  });

  test("a transaction that is still prepared is refused by its name, and told by all that leave it so", async () => {
    const { preparedXid, site } = ground;
    expect(await refused(`xid:${preparedXid}`)).toMatchObject({
      code: "TARGET_INVALID",
      reason: `transaction ${preparedXid} was prepared as "order 7" and has not ended`,
    });
    const note = 'Transaction "order 7" is left prepared and holds its locks';
    expect((await compile("latest")).notes.join()).toContain(note);
    const plan = await site.tryRestore("to-the-end", ["--type=default", "--dry-run"]);
    expect(plan.stdout).toContain(note);
  });

  test("an id with an epoch is that transaction only in that epoch", async () => {
    const { last } = ground;
    const otherEpoch = BigInt(last.xid) + (1n << 32n);
    expect(await refused(`xid:${otherEpoch}`)).toMatchObject({
      code: "TARGET_INVALID",
      reason: expect.stringMatching(
        `^transaction ${otherEpoch} is of another epoch: the archive has transaction ${last.xid}, which ended at `,
      ) as string,
      hint: `If that one is meant: --type=xid --target=${last.xid}.`,
    });
    const noNumber = await ground.site.workspace.run(["target", "xid:abc"]);
    expect(noNumber.exitCode).toBe(2);
  });

  test("right behind a backup the last commit before it is kept, and --set names the backup", async () => {
    const { lost, secondBackup, firstBackup, second } = ground;
    const immediate = await compile("immediate");
    expect(immediate.backup).toBe(secondBackup.label);
    const time = commitTime("second");
    const { workspace } = ground.site;
    const named = ["target", time, `--set=${firstBackup.label}`];
    expect(await workspace.json<TargetAnswerJson>(named)).toMatchObject({
      backup: firstBackup.label,
      commitBefore: { xid: second.xid },
    });
    const later = await workspace.run(["target", time, `--set=${secondBackup.label}`]);
    expect([later.exitCode, later.stderr]).toEqual([
      29,
      expect.stringContaining(secondBackup.label) as string,
    ]);
    const first = await workspace.json<TargetAnswerJson>([
      "target",
      "immediate",
      `--set=${firstBackup.label}`,
    ]);
    expect(first.commitBefore).toMatchObject({ xid: ground.beforeBackup.xid });
    expect(lost.xid).not.toBe(immediate.commitBefore?.xid);
  });

  test("of a restore point that exists twice the first is meant, and the way to the other is told", async () => {
    const answer = await compile("name:twice");
    expect(answer).toMatchObject({
      target: { type: "name", target: "twice", exclusive: false, timeline: 1 },
      commitBefore: { xid: ground.first.xid },
      commitAfter: { xid: ground.second.xid },
      backup: ground.firstBackup.label,
    });
    const note = answer.notes.find((each) => each.includes("is there again"));
    const [, lsn] =
      /^Restore point "twice" is there again at .*; a recovery by name stops at the first, --type=lsn --target=(\S+) leads to that one\.$/.exec(
        note ?? "",
      ) ?? [];
    expect(await compile(`lsn:${lsn}`)).toMatchObject({
      commitBefore: { xid: ground.second.xid },
      commitAfter: { xid: ground.third.xid },
    });
  });
});
