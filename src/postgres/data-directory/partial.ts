// Refuses a directory into which only a part of a cluster was restored: whatever were made of it would lack the rest, and
// nothing would say so.
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { systemErrorCode } from "../../base/errors.ts";
import { failure } from "../../model/failure.ts";
import { PARTIAL_CLUSTER_FILE } from "../../model/partial-cluster.ts";

/** @throws {HindsightError} `CLUSTER_PARTIAL` */
export async function refusePartialCluster(dataDirectory: string): Promise<void> {
  const file = join(dataDirectory, PARTIAL_CLUSTER_FILE);
  try {
    await stat(file);
  } catch (error) {
    // What cannot be looked at is somebody else's complaint.
    if (systemErrorCode(error) !== undefined) return;
    throw error;
  }
  throw failure("CLUSTER_PARTIAL", `${dataDirectory} holds a part of a cluster only`, {
    hint: `${PARTIAL_CLUSTER_FILE} there names what was left out. Copy what is wanted to the whole cluster with pg_dump, and remove this directory.`,
    context: { file },
  });
}
