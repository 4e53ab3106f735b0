// The ground for tests of the promotion trap: a copy that is recovered by hand to whatever end that comes to, and a look
// at what then is true of it. PostgreSQL's own word counts: the timeline in its control file, its signal file, its rows.
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { createContext } from "../../src/base/context.ts";
import { readControlFile } from "../../src/postgres/control-file.ts";
import type { Cluster } from "../harness/cluster.ts";
import { waitUntil } from "../harness/wait.ts";

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
  let state: RecoveryState | undefined;
  await waitUntil("an end of the recovery", async () => {
    state = await lookAt(copy);
    return state !== undefined;
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
  const path = join(copy.dataDirectory, "postgresql.auto.conf");
  const own = /^restore_command = '(.*)'$/m.exec(await readFile(path, "utf8"))?.[1];
  if (own === undefined) throw new Error(`${path} has no restore_command`);
  await copy.workspace.write(
    join(copy.dataDirectory, "postgresql.auto.conf").slice(copy.workspace.directory.length + 1),
    `${await readFile(path, "utf8")}\nrestore_command = '${change(own)}'\n`,
  );
}
