// Production for tests of the promotion trap: small segments, known row counts at named points, two timelines, and an
// installation of the command whose archive-get can be told to break the archive in the middle of a recovery.
import { readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { Cluster, openCluster } from "../harness/cluster.ts";
import { type CommandResult, expectSuccess } from "../harness/command.ts";
import { type ProtectedSite, protectCluster } from "../harness/protected.ts";
import { waitForArchived } from "../harness/wal.ts";
import { objectPath } from "./archive-ground.ts";
import { installCopy, type Installation } from "./broken-install.ts";
import { flipped } from "./damage.ts";

/** Rows of `t` at the points of {@link layTrap}. */
export const TRAP_ROWS = { goal: 400, end: 450, childGoal: 407, childEnd: 410 } as const;

/** Where the trap is laid. Disposing of it removes everything. */
export interface TrapSite extends AsyncDisposable {
  readonly site: ProtectedSite;
  readonly production: Cluster;
  readonly installation: Installation;
  /** A segment between the end of the backup and every target. */
  readonly middle: string;
}

/**
 * Production with a backup; 400 rows over four segments up to the restore point `goal`, 50 more to its end. A copy that
 * was promoted at `goal` to timeline 2 has 7 rows more at `child_goal`, and 3 more at its end.
 */
export async function layTrap(major: number): Promise<TrapSite> {
  const site = await protectCluster({ major });
  try {
    const { production, workspace } = site;
    await production.sql("create table t (id int)");
    await site.backUp();
    await waitForArchived(production);
    const segments: string[] = [];
    for (let round = 0; round < 4; round += 1) {
      await insertRows(production, 100);
      segments.push(await waitForArchived(production));
    }
    await production.sql("select pg_create_restore_point('goal')");
    await insertRows(production, 50);
    await waitForArchived(production);
    await branchOff(site);
    return {
      site,
      production,
      installation: await installCopy(workspace, "copy"),
      middle: segments[1] ?? "",
      [Symbol.asyncDispose]: () => site[Symbol.asyncDispose](),
    };
  } catch (error) {
    await site[Symbol.asyncDispose]();
    throw error;
  }
}

async function branchOff(site: ProtectedSite): Promise<void> {
  const target = ["--type=name", "--target=goal", "--target-action=promote"];
  await using child = await site.restore("child", [...target, "--archive-mode=preserve"]);
  await child.start();
  await child.waitForPromotion();
  await insertRows(child, 7);
  await child.sql("select pg_create_restore_point('child_goal')");
  await insertRows(child, 3);
  await waitForArchived(child);
}

async function insertRows(cluster: Cluster, count: number): Promise<void> {
  await cluster.sql(`insert into t select i from generate_series(1, ${count}) i`);
}

/** Something that happens to the archive while a copy recovers from it. */
export interface ArchiveFault {
  readonly title: string;
  /** What archive-get is being asked for when it happens. */
  file(site: TrapSite): string;
  /** A line of sh that does it, and changes nothing when it is done already. */
  strike(site: TrapSite): Promise<string>;
  repair(site: TrapSite): Promise<void>;
  /** What archive-get then says. */
  readonly code: string;
}

const HISTORY = "00000002.history";
const away = ({ site }: TrapSite): string => site.workspace.path("away");
const repository = ({ site }: TrapSite): string => site.workspace.repositoryDirectory;
const middleObject = ({ production, middle }: TrapSite): string => objectPath(production, middle);
const historyObject = ({ production }: TrapSite): string => objectPath(production, HISTORY);

/** Faults of the segments that every recovery needs. */
export const SEGMENT_FAULTS: readonly ArchiveFault[] = [
  {
    title: "an outage of the archive",
    file: ({ middle }) => middle,
    strike: async (site) => `mv ${repository(site)} ${away(site)} 2>/dev/null`,
    repair: (site) => rename(away(site), repository(site)),
    code: "REPOSITORY_UNREACHABLE",
  },
  {
    title: "a flipped bit in a needed segment",
    file: ({ middle }) => middle,
    strike: async (site) => {
      const original = await readFile(middleObject(site));
      const { workspace } = site.site;
      await workspace.write("original", original);
      const { bytes } = flipped(original, Math.floor(original.length / 2), 3);
      return `cat ${await workspace.write("damaged", bytes)} >${middleObject(site)}`;
    },
    repair: async (site) => {
      const { workspace } = site.site;
      await writeFile(middleObject(site), await readFile(workspace.path("original")));
    },
    code: "OBJECT_CORRUPT",
  },
  {
    title: "a missing segment in the middle",
    file: ({ middle }) => middle,
    strike: async (site) => `mv ${middleObject(site)} ${away(site)} 2>/dev/null`,
    repair: (site) => rename(away(site), middleObject(site)),
    code: "WAL_SEGMENT_MISSING",
  },
];

/** Faults of the history file of the timeline that is recovered to. */
export const HISTORY_FAULTS: readonly ArchiveFault[] = [
  {
    title: "a missing history file",
    file: () => HISTORY,
    strike: async (site) => `mv ${historyObject(site)} ${away(site)} 2>/dev/null`,
    repair: (site) => rename(away(site), historyObject(site)),
    code: "WAL_SEGMENT_MISSING",
  },
  {
    title: "a history file that cannot be reached",
    file: () => HISTORY,
    strike: async (site) => `chmod 000 ${dirname(historyObject(site))}`,
    repair: async ({ site, ...rest }) => {
      const folder = dirname(historyObject({ site, ...rest }));
      expectSuccess(await site.workspace.runProgram("/bin/chmod", ["700", folder]));
    },
    code: "REPOSITORY_DENIED",
  },
];

/** Makes the fault happen in the very call of archive-get that asks for its file, and not before. */
export async function arm(site: TrapSite, fault: ArchiveFault): Promise<void> {
  const strike = await fault.strike(site);
  await site.installation.replaceNode(
    `case " $* " in *" archive-get ${fault.file(site)} "*) ${strike};; esac\nexec "$NODE" "$@"`,
  );
}

/** Undoes the fault, and makes it happen no more. */
export async function disarm(site: TrapSite, fault: ArchiveFault): Promise<void> {
  await site.installation.repairNode();
  await fault.repair(site);
}

/** Where and how a copy is made. */
export interface CopyRequest {
  readonly name: string;
  readonly parameters: readonly string[];
  /** `--start`: Hindsight drives the recovery. */
  readonly start: boolean;
  /** Whether WAL is fetched ahead; by default not, because what breaks here breaks archive-get. */
  readonly walAhead?: boolean;
}

/** The port of servers that Hindsight starts; their sockets lie in directories of their own. */
const PORT = 5444;

/**
 * Restores by the site's installation, so that it is the one that restore_command names.
 *
 * @returns the copy, which is running if the command left it so, and how the command ended.
 */
export async function restoreCopy(
  { site, installation }: Pick<TrapSite, "site" | "installation">,
  { name, parameters, start, walAhead = false }: CopyRequest,
): Promise<{ readonly copy: Cluster; readonly result: CommandResult }> {
  const { workspace, production } = site;
  const dataDirectory = workspace.path(name);
  const starting = start ? ["--start", `--port=${PORT}`, "--output=json"] : [];
  const result = await installation.run([
    `--pg1-path=${dataDirectory}`,
    ...(walAhead ? [] : ["--archive-get-queue-max=0"]),
    ...parameters,
    ...starting,
    "restore",
  ]);
  const { major } = production;
  return { result, copy: await openCluster({ workspace, major, dataDirectory, name }) };
}

/** Ends a copy's server, however it was started, and removes its directory. */
export async function discardCopy(copy: Cluster): Promise<void> {
  if (await copy.isRunning()) await copy.stop("immediate");
  await rm(copy.dataDirectory, { recursive: true });
}

/** The server that `restore --start --output=json` left running, to be asked. */
export function startedServer(copy: Cluster, { stdout }: CommandResult): Cluster {
  const { recovery } = JSON.parse(stdout) as {
    recovery: { port: number; socketDirectory: string };
  };
  const { workspace, major, dataDirectory } = copy;
  const existing = { workspace, major, dataDirectory, name: "started", port: recovery.port };
  return new Cluster(existing, recovery.socketDirectory);
}
