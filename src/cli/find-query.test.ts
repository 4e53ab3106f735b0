import { describe, expect, test } from "vitest";
import { readFindQuery } from "./find-query.ts";
import { settingsOf } from "./settings.fixture.ts";

const NOW = Temporal.Instant.from("2025-11-20T09:32:00Z");

/** The times of a query in a cluster of Paris, asked at 10:32 there. */
async function timesOf(...words: readonly string[]): Promise<readonly (string | undefined)[]> {
  const settings = await settingsOf({ words: ["find", ...words] });
  const { from, to } = readFindQuery(settings, { timeZone: "Europe/Paris", now: NOW });
  return [from, to].map((instant) => instant?.toString());
}

describe("times", () => {
  test.each([
    [["--from=2025-11-19 11:00", "--to=12:00"], "2025-11-19T10:00:00Z", "2025-11-19T11:00:00Z"],
    [["--from=2025-11-19 11:00", "--to=12:00+01"], "2025-11-19T10:00:00Z", "2025-11-19T11:00:00Z"],
    [["--from=2025-11-19 23:00", "--to=01:00"], "2025-11-19T22:00:00Z", "2025-11-20T00:00:00Z"],
    [["--from=2025-11-19 11:00", "--to=11:00"], "2025-11-19T10:00:00Z", "2025-11-19T10:00:00Z"],
    // Later than now, and meant.
    [["--from=10:00", "--to=11:00"], "2025-11-20T09:00:00Z", "2025-11-20T10:00:00Z"],
    [["--from=11:00", "--to=12:00"], "2025-11-19T10:00:00Z", "2025-11-19T11:00:00Z"],
    [["--from=1 hour ago", "--to=5 minutes ago"], "2025-11-20T08:32:00Z", "2025-11-20T09:27:00Z"],
    [["--to=11:00"], undefined, "2025-11-19T10:00:00Z"],
    [[], undefined, undefined],
  ])("%j are read in the cluster's zone", async (words, from, to) => {
    expect(await timesOf(...words)).toEqual([from, to]);
  });

  test("that are the wrong way round are told as they were read", async () => {
    await expect(timesOf("--from=10:00", "--to=2025-11-19 10:00")).rejects.toMatchObject({
      code: "CONFIG_OPTION_INVALID",
      hint: expect.stringContaining("2025-11-20 10:00:00.000000+01:00") as string,
    });
  });
});

test("everything else is taken as it is", async () => {
  const words = [
    "find",
    "--table=A.b",
    "--operation=drop",
    "--xid=12",
    "--min-rows=3",
    "--aborted",
  ];
  const settings = await settingsOf({ words: [...words, "--limit=4"] });
  expect(readFindQuery(settings, { timeZone: "UTC", now: NOW })).toEqual({
    table: { database: undefined, schema: "a", name: "b" },
    operation: "drop",
    from: undefined,
    to: undefined,
    xid: 12n,
    rowsMin: 3,
    includesAborted: true,
    countMax: 4,
  });
});

test.each(["abc", "2", "-5", "99999999999999999999"])("%s is no transaction id", async (text) => {
  const settings = await settingsOf({ words: ["find", `--xid=${text}`] });
  expect(() => readFindQuery(settings, { timeZone: "UTC", now: NOW })).toThrow(
    expect.objectContaining({ code: "CONFIG_OPTION_INVALID" }),
  );
});
