// Which cluster the settings mean: for the commands that bind a stanza to one.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Context } from "../base/context.ts";
import { errorMessage } from "../base/errors.ts";
import type { Settings } from "../config/settings.ts";
import { failure } from "../model/failure.ts";
import {
  MAJOR_VERSION_MAX,
  MAJOR_VERSION_MIN,
  readClusterFacts,
} from "../postgres/cluster-facts.ts";
import { connect } from "../postgres/connection.ts";
import { readControlFile } from "../postgres/control-file.ts";
import type { ClusterIdentity } from "../repository/stanza.ts";
import { connectionSettings } from "./cluster.ts";

/**
 * Which cluster it is: asked of the server and compared with the data directory, or read from that alone.
 *
 * @throws {HindsightError} `CLUSTER_MISMATCH`, `POSTGRES_CONNECTION_FAILED`, `CONFIG_OPTION_MISSING`
 */
export async function readIdentity(settings: Settings, context: Context): Promise<ClusterIdentity> {
  if (!settings.get("online")) return readOfflineIdentity(settings.require("pg-path"), context);
  await using session = await connect(await connectionSettings(settings), context);
  const facts = await readClusterFacts(session, context);
  const path = settings.get("pg-path");
  if (path !== undefined) {
    const { control } = await readControlFile(path, context);
    if (control.systemIdentifier !== facts.systemIdentifier) {
      throw failure(
        "CLUSTER_MISMATCH",
        `the server has system identifier ${facts.systemIdentifier}, the data directory ${path} has ${control.systemIdentifier}`,
        { hint: "Let pg1-path and pg1-port name the same cluster." },
      );
    }
  }
  const { systemIdentifier, majorVersion, catalogVersion, controlVersion, segmentSizeBytes } =
    facts;
  return { systemIdentifier, majorVersion, catalogVersion, controlVersion, segmentSizeBytes };
}

async function readOfflineIdentity(path: string, context: Context): Promise<ClusterIdentity> {
  const { control } = await readControlFile(path, context);
  const { systemIdentifier, catalogVersion, controlVersion, segmentSizeBytes } = control;
  const majorVersion = await readMajorVersion(path);
  return { systemIdentifier, catalogVersion, controlVersion, segmentSizeBytes, majorVersion };
}

async function readMajorVersion(dataDirectory: string): Promise<number> {
  const file = join(dataDirectory, "PG_VERSION");
  const text = await readFile(file, "utf8").catch((cause: unknown) => {
    throw failure("DATA_DIRECTORY_INVALID", `cannot read ${file}: ${errorMessage(cause)}`, {
      cause,
    });
  });
  const major = Number(text.trim());
  if (Number.isInteger(major) && major >= MAJOR_VERSION_MIN && major <= MAJOR_VERSION_MAX) {
    return major;
  }
  throw failure("POSTGRES_VERSION_UNSUPPORTED", `${file} says version "${text.trim()}"`, {
    hint: `Hindsight understands PostgreSQL ${MAJOR_VERSION_MIN} to ${MAJOR_VERSION_MAX}.`,
  });
}
