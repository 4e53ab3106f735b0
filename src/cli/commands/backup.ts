// `hindsight backup`: one full backup of the running cluster.
import { formatSize } from "../../base/size.ts";
import { type BackupResult, runFullBackup } from "../../backup/full.ts";
import { EXIT, failure } from "../../model/failure.ts";
import { formatLsn } from "../../model/lsn.ts";
import { showPath } from "../../model/byte-path.ts";
import { HINDSIGHT_VERSION } from "../../model/version.ts";
import { backupJson } from "../catalogue.ts";
import { connectionSettings, programDirectory } from "../cluster.ts";
import { expireAfterBackup } from "../expire-run.ts";
import type { Invocation } from "../invocation.ts";
import { createProgressLine, formatBar } from "../render/progress.ts";
import { formatDuration } from "../render/units.ts";
import { compressionChoice, firstRepository, openArchive } from "../repositories.ts";

/**
 * Takes the backup and prints what it holds.
 *
 * @returns 32 when pages of the cluster are damaged: the backup is complete, and says which.
 * @throws {HindsightError} `CONFIG_OPTION_UNSUPPORTED` for types that do not exist yet, and what the backup throws.
 */
export async function run(invocation: Invocation): Promise<number> {
  const { settings, context, output } = invocation;
  refuseMissingTypes(invocation);
  const { log } = context;
  const dataDirectory = settings.require("pg-path");
  const connection = await connectionSettings(settings);
  const archive = await openArchive(settings, firstRepository(settings), context);
  if (settings.get("dry-run")) return printPlan(invocation, dataDirectory);
  log.info(`backup command begin ${HINDSIGHT_VERSION}`);
  const binDirectory = await programDirectory(settings);
  const result = await withProgress((onProgress) =>
    runFullBackup(
      {
        ...archive,
        connection,
        dataDirectory,
        binDirectory,
        startFast: settings.get("start-fast"),
        processMax: settings.get("process-max"),
        compression: compressionChoice(settings),
        annotations: settings.get("annotation"),
        archiveTimeoutMs: settings.get("archive-timeout"),
        onProgress,
      },
      context,
    ),
  );
  const { header, seconds } = result;
  log.info(`new backup label = ${header.label}`);
  log.info(`full backup size = ${formatSize(header.sizeBytes)}, file total = ${header.fileCount}`);
  for (const { path, blocks } of header.pageErrors) {
    log.warn("invalid pages", { file: showPath(path), blocks: blocks.join(", ") });
  }
  log.info(`backup command end: completed in ${formatDuration(seconds)}`);
  output.result(summary(result), backupJson(header, seconds));
  await expireAfterBackup(invocation, header.label);
  return header.pageErrors.length > 0 ? EXIT.donePageErrors : EXIT.done;
}

function refuseMissingTypes({ settings }: Invocation): void {
  const type = settings.get("type") ?? "full";
  if (type === "diff" || type === "incr") {
    throw failure(
      "CONFIG_OPTION_UNSUPPORTED",
      `backups of type ${type} do not exist in this release`,
      {
        hint: "Take a full one with --type=full.",
      },
    );
  }
  if (type !== "full") {
    throw failure("CONFIG_OPTION_INVALID", `a backup cannot be of type ${type}`, {
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
}

function printPlan({ settings, output }: Invocation, dataDirectory: string): number {
  const repository = settings.get("repo-path", firstRepository(settings));
  const { kind, level } = compressionChoice(settings);
  const plan = {
    stanza: settings.requireStanza(),
    type: "full",
    dataDirectory,
    repository,
    compression: `${kind} ${level}`,
    processMax: settings.get("process-max"),
    startFast: settings.get("start-fast"),
  };
  const lines = Object.entries(plan).map(([name, value]) => `  ${name}: ${String(value)}`);
  output.result(["would take a backup", ...lines].join("\n"), { dryRun: true, ...plan });
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
    `  WAL: ${header.firstSegment} to ${header.lastSegment}, LSN ${formatLsn(header.startLsn)} to ${formatLsn(header.stopLsn)}`,
    ...(errors === 0 ? [] : [`  DAMAGED PAGES: ${errors}; the log names them`]),
  ].join("\n");
}
