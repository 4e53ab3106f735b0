// What info knows about one stanza over all repositories, gathered before anything is printed. A stanza that cannot be
// read is a status, not a failure: the others must still be shown.
import { type UnindexedSpan, unindexedSpans } from "../archive/unindexed-spans.ts";
import type { Context } from "../base/context.ts";
import { errorMessage, HindsightError } from "../base/errors.ts";
import type { Settings } from "../config/settings.ts";
import type { StanzaName } from "../model/stanza.ts";
import { type ArchiverStatus, readArchiverStatus } from "../postgres/archiver-status.ts";
import { connect } from "../postgres/connection.ts";
import { readRecoveryWindows, type RecoveryWindows } from "../recovery/window.ts";
import { listBackupHeaders } from "../repository/backup-headers.ts";
import { type Hold, listHolds } from "../repository/hold.ts";
import type { ManifestHeader } from "../repository/manifest.ts";
import type { Repository } from "../repository/repository.ts";
import { listStanzas, readStanza, type StanzaRecord } from "../repository/stanza.ts";
import { segmentExtremes, type WalArchive } from "../repository/wal-archive.ts";
import { connectionSettings } from "./cluster.ts";
import { openNumbered, repositoryNumbers } from "./repositories.ts";

/** pgBackRest's codes. @source pgBackRest src/command/info/info.c, INFO_STANZA_STATUS_CODE */
export const STATUS_CODES = {
  ok: 0,
  "missing stanza path": 1,
  "no valid backups": 2,
  "missing stanza data": 3,
  "different across repos": 4,
  other: 99,
} as const;
/** The state of a stanza, in pgBackRest's words. */
export type StatusMessage = keyof typeof STATUS_CODES;

/** A stanza in one repository. */
export interface StanzaInRepository {
  readonly number: number;
  readonly cipher: string;
  readonly status: StatusMessage;
  /** What went wrong, for status `other`. */
  readonly problem?: string;
  readonly record?: StanzaRecord;
  readonly backups: readonly ManifestHeader[];
  readonly holds: readonly Hold[];
  readonly extremes?: { readonly min: string; readonly max: string } | undefined;
  /** What can be recovered, or why that could not be found out; undefined for a stanza that cannot be read. */
  readonly recovery?: RecoveryWindows | { readonly problem: string };
  /** Archived WAL that no index describes. */
  readonly unindexed: readonly UnindexedSpan[];
}

/** A stanza over all repositories. */
export interface StanzaStatus {
  readonly name: StanzaName;
  readonly repositories: readonly StanzaInRepository[];
  /** Undefined when the server cannot be asked from here. */
  readonly archiver: ArchiverStatus | undefined;
}

/**
 * Reads the stanza of the settings, or every stanza of every repository.
 *
 * @throws {HindsightError} when no repository can be opened.
 */
export async function readStatuses(
  settings: Settings,
  context: Context,
): Promise<readonly StanzaStatus[]> {
  const opened = await openAll(settings, context);
  const names = await stanzaNames(settings, opened, context);
  const statuses: StanzaStatus[] = [];
  for (const name of names) {
    const repositories: StanzaInRepository[] = [];
    for (const place of opened) repositories.push(await readInRepository(place, name, context));
    statuses.push({ name, repositories, archiver: await askArchiver(settings, name, context) });
  }
  return statuses;
}

/** The stanza's status over all repositories. */
export function overallStatus(repositories: readonly StanzaInRepository[]): StatusMessage {
  const [first, ...others] = repositories;
  if (!first) return "missing stanza path";
  return others.every((each) => each.status === first.status)
    ? first.status
    : "different across repos";
}

interface Place {
  readonly number: number;
  readonly repository: Repository | undefined;
  readonly problem: HindsightError | undefined;
}

async function openAll(settings: Settings, context: Context): Promise<readonly Place[]> {
  const places: Place[] = [];
  for (const number of repositoryNumbers(settings)) {
    try {
      const repository = await openNumbered(settings, number, context);
      places.push({ number, repository, problem: undefined });
    } catch (error) {
      if (!(error instanceof HindsightError)) throw error;
      places.push({ number, repository: undefined, problem: error });
    }
  }
  const problems = places.flatMap((place) => place.problem ?? []);
  if (problems.length === places.length && problems[0]) throw problems[0];
  return places;
}

async function stanzaNames(
  settings: Settings,
  places: readonly Place[],
  context: Context,
): Promise<readonly StanzaName[]> {
  // A stanza that the command line names; without, all that there are, as in pgBackRest.
  if (settings.stanza !== undefined && settings.origin("stanza") !== "default") {
    return [settings.stanza];
  }
  const names = new Set<StanzaName>(settings.stanza === undefined ? [] : [settings.stanza]);
  for (const { repository } of places) {
    for (const name of repository ? await listStanzas(repository, context) : []) names.add(name);
  }
  return [...names].toSorted();
}

async function readInRepository(
  { number, repository, problem }: Place,
  stanza: StanzaName,
  context: Context,
): Promise<StanzaInRepository> {
  const cipher = repository?.record.cipher ?? "none";
  const nothing = { number, cipher, backups: [], holds: [], unindexed: [] };
  if (!repository) return { ...nothing, status: "other", problem: problem?.message ?? "" };
  try {
    const record = await readStanza(repository, stanza, context);
    const archive = { repository, stanza, record };
    const backups = await listBackupHeaders(repository, stanza, context);
    return {
      ...nothing,
      record,
      backups,
      holds: await listHolds(repository, stanza, context),
      extremes: await segmentExtremes(archive, context),
      recovery: await readRecovery(archive, backups, context),
      unindexed: await unindexedSpans(archive, { sparesNewest: true }, context),
      status: backups.length === 0 ? "no valid backups" : "ok",
    };
  } catch (error) {
    if (!(error instanceof HindsightError)) throw error;
    if (error.code === "STANZA_UNKNOWN") return { ...nothing, status: "missing stanza path" };
    if (error.code === "INTERRUPTED") throw error;
    return { ...nothing, status: "other", problem: errorMessage(error) };
  }
}

/** The catalogue is shown also when this cannot be found out. */
async function readRecovery(
  archive: WalArchive,
  backups: readonly ManifestHeader[],
  context: Context,
): Promise<NonNullable<StanzaInRepository["recovery"]>> {
  try {
    return await readRecoveryWindows({ archive, backups }, context);
  } catch (error) {
    if (!(error instanceof HindsightError) || error.code === "INTERRUPTED") throw error;
    return { problem: errorMessage(error) };
  }
}

/** Only for the stanza of the settings: of the others nobody knows where their server is. */
async function askArchiver(
  settings: Settings,
  name: StanzaName,
  context: Context,
): Promise<ArchiverStatus | undefined> {
  if (settings.stanza !== name || settings.get("pg-path") === undefined) return undefined;
  try {
    await using session = await connect(await connectionSettings(settings), context);
    return await readArchiverStatus(session, context);
  } catch (error) {
    context.signal.throwIfAborted();
    context.log.debug("the server was not asked about its archiver", {
      reason: errorMessage(error),
    });
    return undefined;
  }
}
