import { expect, test } from "vitest";
import { formatInstant, parseInstant } from "../model/timestamp.ts";
import { readTarget, type TargetChoice } from "./restore-target.ts";
import { settingsOf } from "./settings.fixture.ts";

const NOW = parseInstant("2025-11-19T12:00:00Z");

async function choose(words: readonly string[], timeZone = "UTC"): Promise<TargetChoice> {
  return readTarget(await settingsOf({ words: ["restore", ...words] }), { timeZone, now: NOW });
}

test("without options it is the end of the archive, promoted", async () => {
  expect(await choose([])).toEqual({
    type: "default",
    target: { kind: "default" },
    targetAction: "promote",
    timeline: undefined,
  });
});

test.each([
  [["--type=immediate"], "immediate", { kind: "immediate" }],
  [["--type=xid", "--target=12345678"], "xid", { kind: "xid", xid: 12_345_678n, exclusive: false }],
  [
    ["--type=name", "--target=before_migration"],
    "name",
    { kind: "name", name: "before_migration" },
  ],
  [["--target-name", "before_disaster"], "name", { kind: "name", name: "before_disaster" }],
  [["--target-immediate"], "immediate", { kind: "immediate" }],
  [
    ["--type=lsn", "--target=0/15000028", "--target-exclusive"],
    "lsn",
    { kind: "lsn", lsn: 0x15000028n, exclusive: true },
  ],
  [["--target-xid=7", "--exclusive"], "xid", { kind: "xid", xid: 7n, exclusive: true }],
  [["--type=standby"], "standby", { kind: "default" }],
])("%j is a target of type %s", async (words, type, target) => {
  const choice = await choose(words);
  expect(choice).toMatchObject({ type, target, targetAction: "pause" });
});

test.each([
  ["UTC", "2025-11-19T11:49:45.000000Z"],
  ["Europe/Paris", "2025-11-19T10:49:45.000000Z"],
])("a time without offset is read in the cluster's zone %s", async (timeZone, instant) => {
  for (const words of [
    ["--type=time", "--target=2025-11-19 11:49:45"],
    ["--target-time", "2025-11-19 11:49:45"],
  ]) {
    const { target } = await choose(words, timeZone);
    expect(target.kind === "time" && formatInstant(target.time.instant)).toBe(instant);
  }
});

test("a local time that was skipped is refused with both readings", async () => {
  const words = ["--type=time", "--target=2025-03-30 02:30:00"];
  await expect(choose(words, "Europe/Paris")).rejects.toMatchObject({
    code: "TARGET_INVALID",
    exitCode: 29,
  });
});

test("an action is accepted with every type", async () => {
  for (const type of ["default", "immediate", "standby"]) {
    const choice = await choose([`--type=${type}`, "--target-action=shutdown"]);
    expect(choice.targetAction).toBe("shutdown");
  }
});

test.each([
  ["latest", "latest"],
  ["current", "current"],
  ["3", 3],
  ["0xA", 10],
])("--target-timeline=%s is %s", async (text, timeline) => {
  expect((await choose([`--target-timeline=${text}`])).timeline).toBe(timeline);
  expect((await choose([`--target-tli=${text}`])).timeline).toBe(timeline);
});

test.each([
  [["--target=x"], "CONFIG_OPTION_MISSING"],
  [["--type=time"], "CONFIG_OPTION_MISSING"],
  [["--type=immediate", "--target=x"], "CONFIG_OPTION_INVALID"],
  [["--type=full"], "CONFIG_OPTION_INVALID"],
  [["--type=xid", "--target=7", "--target-time=2025-01-01"], "CONFIG_OPTION_INVALID"],
  [["--type=name", "--target=x", "--target-exclusive"], "CONFIG_OPTION_INVALID"],
  [["--type=xid", "--target=1"], "XID_INVALID"],
  [["--type=xid", "--target=0x7"], "XID_INVALID"],
  [["--type=xid", "--target=99999999999999999999"], "XID_INVALID"],
  [["--type=lsn", "--target=15000028"], "LSN_INVALID"],
  [["--type=time", "--target=noon"], "TIMESTAMP_INVALID"],
  [["--type=name", `--target=${"ä".repeat(32)}`], "TARGET_INVALID"],
  [["--target-timeline=00000010"], "TIMELINE_INVALID"],
  [["--target-timeline=newest"], "TIMELINE_INVALID"],
])("%j is refused with %s", async (words, code) => {
  await expect(choose(words)).rejects.toMatchObject({ code });
});
