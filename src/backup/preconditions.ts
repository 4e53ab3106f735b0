// What must hold before PostgreSQL is put into backup mode, and what must go on holding until it is taken out again.
import type { Context } from "../base/context.ts";
import { failure } from "../model/failure.ts";
import { formatLsn, type Lsn } from "../model/lsn.ts";
import type { ClusterFacts } from "../postgres/cluster-facts.ts";
import { readControlFile } from "../postgres/control-file.ts";
import type { StanzaRecord } from "../repository/stanza.ts";

/**
 * Refuses a cluster that is not the stanza's, or whose settings make a backup useless.
 *
 * @throws {HindsightError} `CLUSTER_MISMATCH`, `POSTGRES_STATE_WRONG` or `POSTGRES_SETTING_WRONG`
 */
export function checkCluster(facts: ClusterFacts, record: StanzaRecord): void {
  if (
    facts.systemIdentifier !== record.systemIdentifier ||
    facts.majorVersion !== record.majorVersion
  ) {
    throw failure(
      "CLUSTER_MISMATCH",
      `the server is PostgreSQL ${facts.majorVersion} with system identifier ${facts.systemIdentifier}, the stanza's is ` +
        `PostgreSQL ${record.majorVersion} with ${record.systemIdentifier}`,
      {
        hint: "Check the connection options; after pg_upgrade or a new initdb the stanza has to be upgraded first.",
      },
    );
  }
  if (facts.inRecovery) {
    throw failure(
      "POSTGRES_STATE_WRONG",
      "the server is a standby, and backups are taken from a primary",
      {
        hint: "Point pg1-path and pg1-port at the primary.",
      },
    );
  }
  checkSettings(facts.settings);
}

function checkSettings(settings: Readonly<Record<string, string>>): void {
  const {
    wal_level: walLevel = "",
    archive_mode: archiveMode = "",
    archive_command: command = "",
  } = settings;
  if (walLevel === "minimal") {
    throw failure(
      "POSTGRES_SETTING_WRONG",
      "wal_level is minimal, and must be replica or logical",
      {
        hint: "Set wal_level = replica and restart PostgreSQL.",
      },
    );
  }
  if (archiveMode === "off") {
    throw failure(
      "POSTGRES_SETTING_WRONG",
      "archive_mode is off, so the backup would lack its WAL",
      {
        hint: "Set archive_mode = on and restart PostgreSQL: a reload is not enough.",
      },
    );
  }
  const library = settings["archive_library"] ?? "";
  if ((command === "" || command === "(disabled)") && library === "") {
    throw failure(
      "POSTGRES_SETTING_WRONG",
      "archive_command is empty, so the backup would lack its WAL",
      {
        hint: "Set archive_command = 'hindsight --stanza=NAME archive-push %p' and reload PostgreSQL.",
      },
    );
  }
}

/**
 * Proves that the directory to be copied is the one the server runs on: after backup mode began, its control file must
 * have a checkpoint at or after the start, on the same timeline.
 *
 * @throws {HindsightError} `CLUSTER_MISMATCH`
 */
export async function checkDirectory(
  dataDirectory: string,
  started: { readonly startLsn: Lsn; readonly facts: ClusterFacts },
  context: Context,
): Promise<void> {
  const { control } = await readControlFile(dataDirectory, context);
  const { facts, startLsn } = started;
  const same =
    control.systemIdentifier === facts.systemIdentifier &&
    control.timeline === facts.timeline &&
    control.checkpointLsn >= startLsn;
  if (same) return;
  throw failure(
    "CLUSTER_MISMATCH",
    `${dataDirectory} is not the directory the server runs on: system identifier ${control.systemIdentifier}, timeline ` +
      `${control.timeline}, checkpoint ${formatLsn(control.checkpointLsn)}; the server has ${facts.systemIdentifier}, ` +
      `timeline ${facts.timeline}, backup start ${formatLsn(startLsn)}`,
    { hint: `Set pg1-path to the server's data_directory: ${facts.dataDirectory}.` },
  );
}
