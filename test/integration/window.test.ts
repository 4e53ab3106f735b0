// Recovery windows of real clusters: the server's own commit times are the oracle, before and behind a promotion, and on
// both sides of a segment that was lost; and what a window promises, a restore keeps.
import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { formatInstant, parseInstant } from "../../src/model/timestamp.ts";
import type { Cluster } from "../harness/cluster.ts";
import { OUTER_MAJORS } from "../harness/majors.ts";
import { type ProtectedSite, protectCluster } from "../harness/protected.ts";
import { type CommittedTransaction, transaction, waitForArchived } from "../harness/wal.ts";

interface WindowEdge {
  readonly time: string;
  readonly lsn: string;
}

interface WindowAnswer {
  readonly stanza: string;
  readonly windows: readonly {
    readonly timeline: number;
    readonly earliest: WindowEdge;
    readonly latest: WindowEdge;
    readonly backup: string;
    readonly lastTransaction: { readonly xid: string; readonly kind: string } | null;
  }[];
  readonly gaps: readonly Record<string, unknown>[];
  readonly timelines: readonly Record<string, unknown>[];
}

interface BackupAnswer {
  readonly label: string;
  readonly stopLsn: string;
  readonly stopTime: string;
}

const SETTINGS = { autovacuum: false, track_commit_timestamp: true, timezone: "Europe/Paris" };

const windowOf = (site: ProtectedSite): Promise<WindowAnswer> =>
  site.workspace.json<WindowAnswer>(["window"]);

async function backUp(site: ProtectedSite): Promise<WindowEdge & { readonly label: string }> {
  const { label, stopLsn, stopTime } = await site.workspace.json<BackupAnswer>(["backup"]);
  return { label, lsn: stopLsn, time: stopTime };
}

/** One row more, and everything archived. */
async function commitAndArchive(
  cluster: Cluster,
): Promise<CommittedTransaction & { readonly segment: string; readonly time: string }> {
  const commit = await transaction(cluster, "insert into t select max(id) + 1 from t");
  const time = formatInstant(parseInstant(String(commit.commitTime)));
  const [last] = await cluster.sql("select * from pg_last_committed_xact()");
  expect(formatInstant(parseInstant(String(last?.["timestamp"])))).toBe(time);
  return { ...commit, time, segment: await waitForArchived(cluster) };
}

/** Where the repository keeps a segment. */
async function pathOf(site: ProtectedSite, segment: string): Promise<string> {
  const { repositoryDirectory } = site.workspace;
  const names = await readdir(repositoryDirectory, { recursive: true });
  const found = names.find((name) => name.endsWith(`/${segment}`));
  if (found === undefined) throw new Error(`${segment} is not in the repository`);
  return join(repositoryDirectory, found);
}

/** The exit status of a restore to a target, which is only planned. */
async function tryTarget(
  site: ProtectedSite,
  type: "time" | "lsn",
  { target, more = [] }: { readonly target: string; readonly more?: readonly string[] },
): Promise<number | undefined> {
  const options = [`--type=${type}`, `--target=${target}`, ...more, "--dry-run"];
  return (await site.tryRestore("never", options)).exitCode;
}

const tryTime = (site: ProtectedSite, target: string, more?: readonly string[]) =>
  tryTarget(site, "time", { target, ...(more && { more }) });

describe.each(OUTER_MAJORS)("PostgreSQL %i", (major) => {
  test("a window goes from the backup to the last commit that is archived, and a restore agrees", async () => {
    await using site = await protectCluster({ major, settings: SETTINGS });
    const { production, workspace } = site;
    const nothing = await workspace.succeed(["window"]);
    expect(nothing.stdout).toContain("stanza main has no complete backup");
    await production.sql("create table t (id int); insert into t values (1)");
    const { label, ...stop } = await backUp(site);
    const edges = { timeline: 1, backup: label, earliest: stop };
    expect(await windowOf(site)).toMatchObject({
      stanza: "main",
      windows: [{ ...edges, latest: stop, lastTransaction: null }],
      gaps: [],
    });

    await commitAndArchive(production);
    const second = await commitAndArchive(production);
    const found = await windowOf(site);
    expect(found).toMatchObject({
      windows: [{ ...edges, latest: { time: second.time }, lastTransaction: { xid: second.xid } }],
      gaps: [],
    });
    const lsn = found.windows[0]?.latest.lsn ?? "";
    const inside = "select $1::pg_lsn >= $2::pg_lsn and $1::pg_lsn < $3::pg_lsn";
    expect(await production.sql(inside, [lsn, second.beginLsn, second.endLsn])).toEqual([
      { "?column?": "t" },
    ]);

    const latest = parseInstant(second.time);
    expect(await tryTarget(site, "lsn", { target: lsn })).toBe(0);
    expect(await tryTime(site, stop.time)).toBe(0);
    expect(await tryTime(site, formatInstant(latest.subtract({ microseconds: 1 })))).toBe(0);
    expect(await tryTime(site, second.time, ["--target-exclusive"])).toBe(0);
    expect(await tryTime(site, formatInstant(latest.add({ microseconds: 1 })))).toBe(29);
    expect(await tryTime(site, formatInstant(parseInstant(stop.time).subtract({ hours: 1 })))).toBe(
      29,
    );

    await production.sql("begin; insert into t values (0); rollback");
    await waitForArchived(production);
    expect((await windowOf(site)).windows[0]?.lastTransaction).toMatchObject({ kind: "abort" });
  });

  test("a promotion gives each branch its window, and a lost segment cuts one in two", async () => {
    await using site = await protectCluster({ major, settings: SETTINGS });
    const { production, workspace } = site;
    await production.sql("create table t (id int); insert into t values (1)");
    const first = await backUp(site);
    const common = await commitAndArchive(production);
    const toCommon = ["--type=xid", `--target=${common.xid}`, "--target-action=promote"];
    await using copy = await site.restore("copy", [...toCommon, "--archive-mode=preserve"]);
    await copy.start();
    await copy.waitForPromotion();
    const ofCopy = await commitAndArchive(copy);
    const beforeGap = await commitAndArchive(production);
    const lost = await commitAndArchive(production);
    await commitAndArchive(production);
    const second = await backUp(site);
    const last = await commitAndArchive(production);

    const byBranch = await windowOf(site);
    const edges = (from: typeof first, latest: string) => ({
      earliest: { time: from.time, lsn: from.lsn },
      latest: { time: latest },
      backup: from.label,
    });
    expect(byBranch).toMatchObject({
      windows: [
        { timeline: 1, ...edges(first, last.time) },
        { timeline: 2, ...edges(first, ofCopy.time) },
      ],
      gaps: [],
      timelines: [{ timeline: 1 }, { timeline: 2, parent: 1, hasWal: true }],
    });

    await rm(await pathOf(site, lost.segment));
    const cut = await windowOf(site);
    expect(cut).toMatchObject({
      windows: [
        { timeline: 1, ...edges(first, beforeGap.time) },
        { timeline: 1, ...edges(second, last.time) },
        { timeline: 2, ...edges(first, ofCopy.time) },
      ],
      gaps: [
        {
          timeline: 1,
          segments: { first: lost.segment, last: lost.segment, count: 1 },
          reason: `WAL segment ${lost.segment} is not stored, although later ones are`,
          backupBehind: second.label,
        },
      ],
    });
    const onFirst = "--target-timeline=1";
    const target = cut.windows[0]?.latest.lsn ?? "";
    expect(await tryTarget(site, "lsn", { target, more: [onFirst] })).toBe(0);
    expect(await tryTime(site, beforeGap.time, [onFirst, "--target-exclusive"])).toBe(0);
    expect(await tryTime(site, lost.time, [onFirst])).not.toBe(0);
    expect(await tryTime(site, second.time, [onFirst])).toBe(0);

    const [info] = await workspace.json<readonly { readonly recovery: WindowAnswer }[]>(["info"]);
    expect(info?.recovery).toMatchObject({ windows: cut.windows, gaps: cut.gaps });
    const { stdout } = await workspace.succeed(["info"]);
    expect(stdout.match(/recovery window: timeline/g)).toHaveLength(3);
    expect(stdout).toContain(`${lost.segment} is not stored`);

    // What cannot be understood spoils the answer of window, and of info one line.
    const gaps = join(dirname(await pathOf(site, last.segment)), "..", "gap");
    await mkdir(gaps);
    await writeFile(join(gaps, "nonsense"), "");
    expect((await workspace.run(["window"])).exitCode).toBe(22);
    const spoilt = await workspace.succeed(["info"]);
    expect(spoilt.stdout).toMatch(/status: ok[^]*recovery window: not known: .*nonsense/);
    expect(spoilt.stdout).toContain(`backup: ${second.label}`);
  });
});
