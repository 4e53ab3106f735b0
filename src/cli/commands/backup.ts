// `hindsight backup`: a full, differential or incremental backup of the running cluster.
import { formatSize } from "../../base/size.ts";
import { type BackupRequest, type BackupResult, runBackup } from "../../backup/backup.ts";
import { estimateBackup } from "../../backup/estimate.ts";
import type { Settings } from "../../config/settings.ts";
import { BACKUP_TYPES, type BackupType } from "../../model/backup-label.ts";
import { EXIT, failure } from "../../model/failure.ts";
import { formatLsn } from "../../model/lsn.ts";
import { showPath } from "../../model/byte-path.ts";
import { HINDSIGHT_VERSION } from "../../model/version.ts";
import { backupJson } from "../catalogue.ts";
import { connectionSettings, programDirectory } from "../cluster.ts";
import type { Invocation } from "../invocation.ts";
import { backupPlanJson, backupPlanText } from "../render/backup-plan.ts";
import { createProgressLine, formatBar } from "../render/progress.ts";
import { formatDuration } from "../render/units.ts";
import { compressionChoice, firstRepository, openArchive } from "../repositories.ts";
import {
  RESOURCE_MANAGER_CUSTOM_MIN,
  RESOURCE_MANAGER_MAX,
} from "../../wal/resource-manager/ids.ts";

/**
 * Takes the backup and prints what it holds.
 *
 * @returns 32 when pages of the cluster are damaged: the backup is complete, and says which.
 * @throws {HindsightError} what the backup throws.
 */
export async function run(invocation: Invocation): Promise<number> {
  const { settings, context, output } = invocation;
  const { log } = context;
  if (settings.get("dry-run")) return await printPlan(invocation);
  const request = await backupRequest(invocation);
  log.info(`backup command begin ${HINDSIGHT_VERSION}`);
  const result = await withProgress((onProgress) => runBackup({ ...request, onProgress }, context));
  const { header, seconds } = result;
  log.info(`new backup label = ${header.label}`);
  const { type, deltaSizeBytes, fileCount } = header;
  log.info(`${type} backup size = ${formatSize(deltaSizeBytes)}, file total = ${fileCount}`);
  for (const { path, blocks } of header.pageErrors) {
    log.warn("invalid pages", { file: showPath(path), blocks: blocks.join(", ") });
  }
  log.info(`backup command end: completed in ${formatDuration(seconds)}`);
  output.result(summary(result), backupJson(header, seconds));
  return header.pageErrors.length > 0 ? EXIT.donePageErrors : EXIT.done;
}

async function backupRequest({ settings, context }: Invocation): Promise<BackupRequest> {
  const type = backupType(settings);
  const dataDirectory = settings.require("pg-path");
  const connection = await connectionSettings(settings);
  const archive = await openArchive(settings, firstRepository(settings), context);
  return {
    ...archive,
    type,
    connection,
    dataDirectory,
    binDirectory: await programDirectory(settings),
    startFast: settings.get("start-fast"),
    processMax: settings.get("process-max"),
    compression: compressionChoice(settings),
    annotations: settings.get("annotation"),
    trustedResourceManagers: new Set(settings.get("incremental-trust-rmgr").map(parseManager)),
    archiveTimeoutMs: settings.get("archive-timeout"),
  };
}

function backupType(settings: Settings): BackupType {
  const asked = settings.get("type") ?? "incr";
  const type = BACKUP_TYPES.find((candidate) => candidate === asked);
  if (!type) {
    throw failure("CONFIG_OPTION_INVALID", `a backup cannot be of type ${asked}`, {
      hint: "The types are full, diff and incr.",
    });
  }
  if (!settings.get("online")) {
    throw failure(
      "CONFIG_OPTION_UNSUPPORTED",
      "backups of a stopped cluster do not exist in this release",
      {
        hint: "Start PostgreSQL and leave --no-online out.",
      },
    );
  }
  return type;
}

function parseManager(text: string): number {
  const number = /^[0-9]{1,3}$/.test(text) ? Number(text) : Number.NaN;
  if (number >= RESOURCE_MANAGER_CUSTOM_MIN && number <= RESOURCE_MANAGER_MAX) return number;
  throw failure(
    "CONFIG_OPTION_INVALID",
    `"${text}" is no number of an extension's resource manager`,
    {
      hint: "They are 128 to 255; pg_get_wal_resource_managers() of a server that loads the extension names them.",
    },
  );
}

async function printPlan(invocation: Invocation): Promise<number> {
  const { settings, context, output } = invocation;
  const request = await backupRequest(invocation);
  const estimate = await estimateBackup(request, context);
  const { kind, level } = request.compression;
  const facts = {
    stanza: request.stanza,
    dataDirectory: request.dataDirectory,
    repository: settings.get("repo-path", firstRepository(settings)),
    compression: `${kind} ${level}`,
    processMax: request.processMax,
    startFast: request.startFast,
  };
  output.result(backupPlanText(facts, estimate), backupPlanJson(facts, estimate));
  return EXIT.done;
}

/** Shows on a terminal how far the copy is. */
async function withProgress<Result>(
  work: (
    onProgress: (progress: { readonly bytesDone: number; readonly bytesTotal: number }) => void,
  ) => Promise<Result>,
): Promise<Result> {
  using line = createProgressLine();
  return await work(({ bytesDone, bytesTotal }) => {
    const amounts = `${formatSize(bytesDone)} of ${formatSize(bytesTotal)}`;
    line.show(`${formatBar(bytesDone / bytesTotal)}  ${amounts}`);
  });
}

function summary({ header, seconds }: BackupResult): string {
  const errors = header.pageErrors.reduce((sum, each) => sum + each.blocks.length, 0);
  return [
    `backup ${header.label} is complete after ${formatDuration(seconds)}`,
    `  size: ${formatSize(header.sizeBytes)} in ${header.fileCount} files, in the repository ${formatSize(header.repositorySizeBytes)}`,
    ...(header.prior === undefined
      ? []
      : [`  builds on ${header.prior}; ${formatSize(header.deltaSizeBytes)} were stored now`]),
    ...(header.contentScan === undefined
      ? []
      : [`  ALL FILES WERE COMPARED BY CONTENT: ${header.contentScan}`]),
    `  WAL: ${header.firstSegment} to ${header.lastSegment}, LSN ${formatLsn(header.startLsn)} to ${formatLsn(header.stopLsn)}`,
    ...(errors === 0 ? [] : [`  DAMAGED PAGES: ${errors}; the log names them`]),
  ].join("\n");
}
