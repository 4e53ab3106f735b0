// `hindsight check`: everything that must work before a backup is worth anything, each thing by itself, each failure with
// its fix. The lines look like Barman's.
import type { Context } from "../../base/context.ts";
import type { Settings } from "../../config/settings.ts";
import { EXIT } from "../../model/failure.ts";
import { type ArchiverStatus, readArchiverStatus } from "../../postgres/archiver-status.ts";
import { type ClusterFacts, readClusterFacts } from "../../postgres/cluster-facts.ts";
import { connect, type Session } from "../../postgres/connection.ts";
import type { Repository } from "../../repository/repository.ts";
import type { WalArchive } from "../../repository/wal-archive.ts";
import { checkArchiver, checkDataDirectory, readSettings } from "../check/cluster.ts";
import { failed, failedBy, type Finding, passed } from "../check/finding.ts";
import { sendSegment } from "../check/round-trip.ts";
import { checkSettings } from "../check/settings.ts";
import { checkGaps } from "../check/gaps.ts";
import { checkWalIndex } from "../check/wal-index.ts";
import { connectionSettings } from "../cluster.ts";
import type { Invocation } from "../invocation.ts";
import { archivePushCommand } from "../program.ts";
import { archiverJson } from "../render/info-json.ts";
import { formatDuration } from "../render/units.ts";
import { openArchive, repositoryNumbers } from "../repositories.ts";

interface CheckResult {
  readonly findings: readonly Finding[];
  readonly archiver: ArchiverStatus | undefined;
}

/** @returns 0, or the status of the first check that failed. */
export async function run({ settings, context, output }: Invocation): Promise<number> {
  const stanza = settings.requireStanza();
  const { findings, archiver } = await checkAll(settings, context);
  const lines = findings.flatMap(findingLines);
  const bad = findings.find((finding) => !finding.passed);
  output.result([`stanza ${stanza}:`, ...lines, ...archiverLines(archiver)].join("\n"), {
    stanza,
    passed: bad === undefined,
    checks: findings.map((finding) => ({ ...finding })),
    archiver: archiver === undefined ? null : archiverJson(archiver),
  });
  return bad === undefined ? EXIT.done : (bad.exitCode ?? EXIT.checkFailed);
}

async function checkAll(settings: Settings, context: Context): Promise<CheckResult> {
  const { archives, findings: stored } = await checkRepositories(settings, context);
  let session: Session;
  try {
    session = await connect(await connectionSettings(settings), context);
  } catch (error) {
    return { findings: [failedBy("PostgreSQL", error), ...stored], archiver: undefined };
  }
  await using _closed = session;
  const facts = await readClusterFacts(session, context);
  const found: Finding[] = [
    passed("PostgreSQL", `${facts.majorVersion}${facts.inRecovery ? ", standby" : ""}`),
    await checkDataDirectory(settings, facts, context),
    ...archives.map((archive) => checkIdentity(facts, archive)),
    ...checkSettings(await readSettings(session), {
      stanza: settings.requireStanza(),
      command: archivePushCommand(settings),
    }),
    ...stored,
  ];
  found.push(await checkArchiving({ session, facts, archives, found }, settings, context));
  // Of no matter to the round trip, which goes on behind every gap.
  for (const archive of archives) found.push(await checkGaps(archive, context));
  const archiver = await readArchiverStatus(session, context);
  return { findings: [...found, checkArchiver(archiver)], archiver };
}

function describeRepository({ store, record, key }: Repository): string {
  const cipher = key ? `, ${record.cipher}, opened with key slot ${key.slot}` : "";
  return store.description + cipher;
}

/** Opening reads the record of the repository and of the stanza; the round trip proves that it can be written. */
async function checkRepositories(
  settings: Settings,
  context: Context,
): Promise<{ readonly archives: readonly WalArchive[]; readonly findings: readonly Finding[] }> {
  const archives: WalArchive[] = [];
  const findings: Finding[] = [];
  for (const number of repositoryNumbers(settings)) {
    const name = `repository ${number}`;
    try {
      const archive = await openArchive(settings, number, context);
      archives.push(archive);
      findings.push(passed(name, describeRepository(archive.repository)));
      findings.push(await checkWalIndex(archive, context));
    } catch (error) {
      findings.push(failedBy(name, error));
    }
  }
  return { archives, findings };
}

function checkIdentity(facts: ClusterFacts, { record, repository }: WalArchive): Finding {
  const name = "system identifier";
  const isSame =
    facts.systemIdentifier === record.systemIdentifier &&
    facts.majorVersion === record.majorVersion;
  if (isSame) return passed(name, String(record.systemIdentifier));
  return failed(
    name,
    `the server is PostgreSQL ${facts.majorVersion} ${facts.systemIdentifier}, the stanza in ${repository.store.description} is of PostgreSQL ${record.majorVersion} ${record.systemIdentifier}`,
    { fix: "Check pg1-path and pg1-port.", exitCode: EXIT.wrongCluster },
  );
}

async function checkArchiving(
  {
    session,
    facts,
    archives,
    found,
  }: {
    readonly session: Session;
    readonly facts: ClusterFacts;
    readonly archives: readonly WalArchive[];
    readonly found: readonly Finding[];
  },
  settings: Settings,
  context: Context,
): Promise<Finding> {
  const name = "continuous archiving";
  const blocker = found.find((finding) => !finding.passed);
  if (blocker) return failed(name, `not tried, because ${blocker.name} failed`);
  if (facts.inRecovery) return passed(name, "not tried: a standby cannot switch segments");
  if (settings.get("dry-run")) return passed(name, "not tried: --dry-run");
  try {
    const timeoutMs = settings.get("archive-timeout");
    const trip = await sendSegment({ session, facts, archives, timeoutMs }, context);
    return passed(name, `segment ${trip.segment} arrived after ${formatDuration(trip.seconds)}`);
  } catch (error) {
    return failedBy(name, error);
  }
}

function findingLines({
  name,
  passed: isPassed,
  isWarning,
  detail,
  fix,
}: Finding): readonly string[] {
  const tail = detail === "" ? "" : ` (${detail})`;
  const verdict = isPassed ? (isWarning ? "WARNING" : "OK") : "FAILED";
  const lines = [`  ${name}: ${verdict}${tail}`];
  return fix === undefined ? lines : [...lines, `    fix: ${fix}`];
}

function archiverLines(archiver: ArchiverStatus | undefined): readonly string[] {
  if (!archiver) return [];
  const { archivedCount, lastArchivedWal, failedCount, lastFailedWal } = archiver;
  return [
    `  archiver: ${archivedCount} archived, last ${lastArchivedWal ?? "none"}; ${failedCount} failed, last ${lastFailedWal ?? "none"}`,
  ];
}
