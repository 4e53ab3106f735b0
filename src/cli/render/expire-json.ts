// The JSON of `hindsight expire`.
import type { DeletedObjects, ExpireResult } from "../../retention/perform.ts";
import type { InRepository } from "../each-repository.ts";
import type { RepositoryExpiry } from "../expire-run.ts";
import type { ExpiryReport } from "./expire-text.ts";
import type { JsonValue } from "./json.ts";
import { windowsJson } from "./window-json.ts";

/** `repositories` has one element for each repository that was expired. */
export function expiryJson({ stanza, isDryRun, repositories }: ExpiryReport): JsonValue {
  return { stanza, dryRun: isDryRun, repositories: repositories.map(repositoryJson) };
}

function repositoryJson({
  number,
  path,
  result: { result, later, windows },
}: InRepository<RepositoryExpiry>): JsonValue {
  return {
    repository: number,
    path,
    expired: labels(result.hidden),
    kept: labels(result.spared),
    listedAgain: labels(result.shown),
    revoked: labels(result.revoked),
    deleted: deletedJson(result.deleted),
    ...(later ? { deletedLater: deletedJson(later.deleted) } : {}),
    ...(windows
      ? { windows: { before: windowsJson(windows.before), after: windowsJson(windows.after) } }
      : {}),
  };
}

function labels(list: ExpireResult["hidden"]): JsonValue {
  return list.map(({ label, reason }) => ({ label, reason }));
}

function deletedJson({
  backups,
  packCount,
  packBytes,
  wal,
  catalogueCount,
}: DeletedObjects): JsonValue {
  return {
    backups,
    packs: packCount,
    packBytes,
    wal: [...wal].map(([id, { runs, segmentCount, objectCount, sizeBytes }]) => ({
      archive: id,
      segments: segmentCount,
      objects: objectCount,
      bytes: sizeBytes,
      ranges: runs.map(({ timeline, first, last, count }) => ({ timeline, first, last, count })),
    })),
    catalogues: catalogueCount,
  };
}
