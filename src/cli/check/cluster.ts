// Whether server, data directory and stanza are one and the same cluster, and what the server's archiver says.
import type { Context } from "../../base/context.ts";
import type { Settings } from "../../config/settings.ts";
import { EXIT } from "../../model/failure.ts";
import type { ArchiverStatus } from "../../postgres/archiver-status.ts";
import type { ClusterFacts } from "../../postgres/cluster-facts.ts";
import type { Session } from "../../postgres/connection.ts";
import { readControlFile } from "../../postgres/control-file.ts";
import { failed, failedBy, type Finding, passed } from "./finding.ts";
import { CHECKED_SETTINGS, type CheckedSettings, type SettingRow } from "./settings.ts";

/**
 * Reads the rows that checkSettings judges. While archive_mode is off, PostgreSQL shows archive_command as `(disabled)`;
 * what it is set to stands in its reset value.
 */
export async function readSettings(session: Session): Promise<CheckedSettings> {
  const rows = await session.rows(
    `select name, case setting when '(disabled)' then reset_val else setting end as setting, pending_restart
       from pg_settings where name = any (string_to_array($1, ','))`,
    [CHECKED_SETTINGS.join(",")],
  );
  return Object.fromEntries(
    rows.map((row): readonly [string, SettingRow] => [
      row["name"] ?? "",
      { value: row["setting"] ?? "", isPendingRestart: row["pending_restart"] === "t" },
    ]),
  );
}

/** The data directory of the configuration is that of the server. */
export async function checkDataDirectory(
  settings: Settings,
  facts: ClusterFacts,
  context: Context,
): Promise<Finding> {
  const name = "data directory";
  const path = settings.get("pg-path");
  if (path === undefined) {
    return failed(name, "pg1-path is not configured", {
      fix: `Put pg1-path=${facts.dataDirectory} into section [${settings.stanza ?? ""}] of the configuration file.`,
      exitCode: EXIT.usage,
    });
  }
  try {
    const { control } = await readControlFile(path, context);
    if (control.systemIdentifier === facts.systemIdentifier) return passed(name, path);
    return failed(name, `${path} is another cluster than the server's ${facts.dataDirectory}`, {
      fix: "Let pg1-path and pg1-port name the same cluster.",
      exitCode: EXIT.wrongCluster,
    });
  } catch (error) {
    return failedBy(name, error);
  }
}

/** Failures that came after the last success, or the lack of any. */
export function checkArchiver(status: ArchiverStatus): Finding {
  const name = "archiver errors";
  const { failedCount, lastFailedWal, lastFailedTime, lastArchivedTime } = status;
  const isRecent =
    lastFailedTime !== undefined &&
    (lastArchivedTime === undefined ||
      Temporal.Instant.compare(lastFailedTime, lastArchivedTime) > 0);
  if (!isRecent) return passed(name, `${failedCount} since statistics began`);
  return failed(
    name,
    `the last attempt failed, for ${lastFailedWal ?? "?"}; ${failedCount} in all`,
    {
      fix: "The server's log has the reason, printed by archive_command.",
    },
  );
}
