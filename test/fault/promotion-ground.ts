// The ground for tests of the promotion trap: a copy that is recovered by hand to whatever end that comes to, and a look
// at what then is true of it. PostgreSQL's own word counts: the timeline in its control file, its signal file, its rows.
import { existsSync } from "node:fs";
import { appendFile, readFile } from "node:fs/promises";
import { join } from "node:path";
import { createContext } from "../../src/base/context.ts";
import { readControlFile } from "../../src/postgres/control-file.ts";
import type { Cluster } from "../harness/cluster.ts";
import { waitUntil } from "../harness/wait.ts";

const AUTO_CONF = "postgresql.auto.conf";

/**
 * - `refused`: the server has ended and is still in recovery: recovery.signal is there.
 * - `ended`: the server has ended otherwise.
 */
export type RecoveryState = "paused" | "promoted" | "refused" | "ended";

/** What has become of a recovery. */
export interface RecoveryEnd {
  readonly state: RecoveryState;
  /** Of the last checkpoint, as the control file has it; after a promotion the new one. */
  readonly timeline: number;
}

/** Starts a restored cluster and waits for the end of its recovery, whatever it is. A server that runs is left running. */
export async function recover(copy: Cluster): Promise<RecoveryEnd> {
  await copy.tryStart();
  return await lookAtEnd(copy);
}

/** Waits for the end of a recovery that has begun, or has ended already. */
export function lookAtEnd(copy: Cluster): Promise<RecoveryEnd> {
  return waitForEnd(copy, ["paused", "promoted", "refused", "ended"]);
}

/** Waits for what comes of a pause that was ended. */
export function resumed(copy: Cluster): Promise<RecoveryEnd> {
  return waitForEnd(copy, ["promoted", "refused", "ended"]);
}

async function waitForEnd(copy: Cluster, ends: readonly RecoveryState[]): Promise<RecoveryEnd> {
  let state: RecoveryState | undefined;
  await waitUntil(`a recovery to be ${ends.join(" or ")}`, async () => {
    state = await lookAt(copy);
    return state !== undefined && ends.includes(state);
  });
  if (state === "promoted") await copy.sql("checkpoint");
  return { state: state ?? "ended", timeline: await timelineOf(copy) };
}

async function lookAt(copy: Cluster): Promise<RecoveryState | undefined> {
  if (!(await copy.isRunning())) {
    return existsSync(join(copy.dataDirectory, "recovery.signal")) ? "refused" : "ended";
  }
  const rows = await copy
    .sql(
      `select pg_is_in_recovery() as recovering,
        case when pg_is_in_recovery() then pg_get_wal_replay_pause_state() end as pause`,
    )
    // It is about to end, or not yet up.
    .catch(() => []);
  if (rows[0]?.["recovering"] === "f") return "promoted";
  return rows[0]?.["pause"] === "paused" ? "paused" : undefined;
}

/** The timeline of the last checkpoint. */
async function timelineOf(copy: Cluster): Promise<number> {
  const { control } = await readControlFile(copy.dataDirectory, createContext());
  return control.timeline;
}

/** Puts another restore_command in the place of the one that restore wrote. It must have no single quote in it. */
export async function changeRestoreCommand(
  copy: Cluster,
  change: (own: string) => string,
): Promise<void> {
  const conf = await readFile(join(copy.dataDirectory, AUTO_CONF), "utf8");
  const own = /^restore_command = '(.*)'$/m.exec(conf)?.[1];
  if (own === undefined) throw new Error(`no restore_command in:\n${conf}`);
  await changeSettings(copy, { restore_command: change(own) });
}

/** Adds settings to those that restore wrote; they win. Values must have no single quote in them. */
export async function changeSettings(
  copy: Cluster,
  settings: Readonly<Record<string, string>>,
): Promise<void> {
  const lines = Object.entries(settings).map(([name, value]) => `${name} = '${value}'\n`);
  await appendFile(join(copy.dataDirectory, AUTO_CONF), lines.join(""));
}
