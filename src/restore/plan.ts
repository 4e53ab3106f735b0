// The plan of a restore: everything decided and everything checked, as data that can be printed, before a byte is
// written. Read plan-route.ts for what is restored and how far it is recovered, destination.ts and tablespaces.ts for where
// to, recovery-settings.ts for what PostgreSQL is told; describe-plan.ts prints it and perform.ts does it.
import type { Context } from "../base/context.ts";
import { showPath } from "../model/byte-path.ts";
import { failure } from "../model/failure.ts";
import { PARTIAL_CLUSTER_FILE } from "../model/partial-cluster.ts";
import type { RecoveryTarget, RestoreType, TargetAction } from "../model/recovery-target.ts";
import { formatLsn, type Lsn } from "../model/lsn.ts";
import type { StanzaName } from "../model/stanza.ts";
import type { StanzaRecord } from "../repository/stanza.ts";
import type { Timeline, TimelineHistory } from "../model/timeline.ts";
import { type ManifestHeader, readManifest } from "../repository/manifest.ts";
import type { ChangeFinder } from "./changed-blocks.ts";
import type { TargetAnswer } from "./choose-backup.ts";
import { type DestinationPlan, planDestination } from "./destination.ts";
import { requireSpace, type SpaceNeed } from "./free-space.ts";
import { forecastRoute, type RouteForecast } from "./plan-forecast.ts";
import { hasFile } from "./marker.ts";
import type { PartRequest } from "./part-choice.ts";
import { isToEnd, planRoute, type Route, type RouteRequest } from "./plan-route.ts";
import { recoverySettings, type RecoverySettings } from "./recovery-settings.ts";
import type { Location } from "./location.ts";
import { type Interlock, restoreCommandFlags } from "./restore-command.ts";
import { normalizeOptions } from "./recovery-options.ts";
import { planSelection, requirePartPossible, type Selection } from "./selection.ts";
import { type ManifestSurvey, surveyManifest } from "./survey.ts";
import { planTablespaces, type TablespaceMapping, type TablespacePlan } from "./tablespaces.ts";
import { type LinkMapping, planWalLink, WAL_DIRECTORY, type WalLinkPlan } from "./wal-link.ts";
import type { WalPlan } from "./wal-path.ts";
import { segmentsAhead } from "./wal-spool.ts";

/** A restore as the user asked for it, parsed and not yet judged. */
export interface RestoreRequest extends RouteRequest {
  /** Absolute path of the data directory to write. */
  readonly destination: string;
  /** `--delta` or `--force`: a data directory that is there is replaced. */
  readonly overwrite: boolean;
  /** `--delta`: what is there and right is kept. */
  readonly delta: boolean;
  /** `off` for a copy beside production, whose WAL must not mix with production's. */
  readonly archiveMode: "preserve" | "off";
  /** `--recovery-option`, as given. */
  readonly recoveryOptions: ReadonlyMap<string, string>;
  readonly tablespaces: TablespaceMapping;
  readonly links: LinkMapping;
  /** Undefined: the whole cluster. */
  readonly part: PartRequest | undefined;
  readonly findChanges: ChangeFinder;
  /** The whole archive-get command for `%f` and `"%p"`, with these flags; quoted for a shell, not for a setting. */
  readonly restoreCommand: (flags: readonly string[]) => string;
  readonly interlock: Interlock;
  /** WAL that is fetched ahead of the recovery, at most. */
  readonly walAheadMaxBytes: number;
  /** Files written at a time, at least 1. */
  readonly processMax: number;
  /** Directories that the destination must have nothing to do with: the repository, our own state. */
  readonly protectedPaths: readonly string[];
}

/** What would be done. Plain data; times, positions and names only. */
export interface RestorePlan {
  readonly stanza: StanzaName;
  readonly record: StanzaRecord;
  readonly backup: ManifestHeader;
  /** Why this backup, as a clause. */
  readonly why: string;
  readonly type: RestoreType;
  /** The target as it was asked for. */
  readonly target: RecoveryTarget;
  /** The target as PostgreSQL is told. */
  readonly compiled: RecoveryTarget;
  readonly targetAction: TargetAction;
  readonly timeline: Timeline;
  readonly history: TimelineHistory;
  /** Where recovery stops, when that is known. */
  readonly stopLsn: Lsn | undefined;
  /** What was found out about the target in WAL. */
  readonly answer: TargetAnswer | undefined;
  readonly forecast: RouteForecast;
  /** Undefined for type none, which recovers nothing. */
  readonly wal: WalPlan | undefined;
  /** Segments that are fetched ahead of the recovery, by name. */
  readonly walAhead: readonly string[];
  readonly destination: DestinationPlan;
  /** Whether files that are there may be right and are kept then. */
  readonly isDelta: boolean;
  readonly tablespaces: readonly TablespacePlan[];
  /** Undefined: pg_wal is a directory of the data directory. */
  readonly walLink: WalLinkPlan | undefined;
  /** What is left out; undefined for the whole cluster. */
  readonly selection: Selection | undefined;
  readonly survey: ManifestSurvey;
  readonly recovery: RecoverySettings;
  readonly archiveMode: "preserve" | "off";
  readonly processMax: number;
  /** What the user should know, one sentence each. */
  readonly notes: readonly string[];
  /** What may go wrong, one sentence each. */
  readonly warnings: readonly string[];
}

/**
 * Plans a restore. Nothing is written, neither here nor in the repository.
 *
 * @throws {HindsightError} 29 when the target cannot be reached (`BACKUP_NONE`, `TARGET_UNREACHABLE`,
 *   `TIMELINE_UNREACHABLE`, `TARGET_INVALID`), 30 when the destination is unsafe, 31 when WAL is missing
 *   (`WAL_SEGMENT_MISSING`), and what reading the repository throws.
 */
export async function planRestore(given: RestoreRequest, context: Context): Promise<RestorePlan> {
  const { type, settings, warnings } = normalizeOptions(given.type, given.recoveryOptions);
  const request = bindPart({ ...given, type, recoveryOptions: settings });
  const destination = await planDestination(
    {
      path: request.destination,
      overwrite: request.overwrite,
      protectedPaths: request.protectedPaths,
      systemIdentifier: request.record.systemIdentifier,
    },
    context,
  );
  if (request.part) await refuseWholeCluster(destination);
  const route = await planRoute(request, context);
  const found = await planFiles(request, route, destination, context);
  const { header, survey, tablespaces, walLink } = found;
  const walAhead = walToFetch(request, route);
  return {
    stanza: request.stanza,
    record: request.record,
    backup: header,
    why: route.why,
    type: request.type,
    target: route.target,
    compiled: route.compiled,
    targetAction: request.targetAction,
    timeline: route.history.timeline,
    history: route.history,
    stopLsn: route.answer?.stopLsn ?? (route.target.kind === "lsn" ? route.target.lsn : undefined),
    answer: route.answer,
    forecast: scaleCopy(await forecastRoute(request, route, context), survey, header),
    wal: route.wal,
    walAhead,
    destination,
    isDelta: request.delta && isFilled(destination),
    tablespaces,
    walLink,
    selection: found.selection,
    survey,
    recovery: planSettings(request, route, { survey, isWalAhead: walAhead.length > 0 }),
    archiveMode: request.archiveMode,
    processMax: request.processMax,
    notes: [
      ...(route.answer?.notes ?? []),
      ...standbyNotes(request),
      ...notesOn(destination, walLink ? [...tablespaces, walLink] : tablespaces),
    ],
    warnings: [...warnings, ...warningsOn(request, route, { survey, walLink })],
  };
}

/** A part is no cluster to archive from, and its holes are safe only for WAL that was looked at. */
function bindPart(request: RestoreRequest): RestoreRequest {
  if (!request.part) return request;
  requirePartPossible(request);
  return { ...request, archiveMode: "off", pinsEnd: true, delta: false };
}

/** What is written, and where to. */
interface FilePlan extends Pick<RestorePlan, "selection" | "survey" | "tablespaces" | "walLink"> {
  readonly header: ManifestHeader;
}

// oxlint-disable-next-line max-params -- what is asked, how far, where to, and the context
async function planFiles(
  request: RestoreRequest,
  route: Route,
  destination: DestinationPlan,
  context: Context,
): Promise<FilePlan> {
  const { repository, stanza, part } = request;
  const selection = part && (await planSelection({ ...request, part }, route, context));
  const { label } = route.backup;
  const { header, entries } = await readManifest(repository, stanza, label, context);
  const survey = await surveyManifest(header, entries, (file) =>
    selection ? selection.restoredBytes(file) : file.sizeBytes,
  );
  const tablespaces = await planPlaces(request, { header, survey, destination });
  const walLink = await planWalLink({
    mapping: request.links,
    links: survey.links,
    destination,
    overwrite: request.overwrite,
    taken: tablespaces.map(({ path }) => path),
    protectedPaths: request.protectedPaths,
  });
  await requireSpace(spaceNeeds({ header, survey, destination, tablespaces, walLink }));
  return { header, selection, survey, tablespaces, walLink };
}

/** A part takes as much less time as it is smaller. */
function scaleCopy(
  forecast: RouteForecast,
  { total }: ManifestSurvey,
  { sizeBytes }: ManifestHeader,
): RouteForecast {
  const share = sizeBytes === 0 ? 1 : total.sizeBytes / sizeBytes;
  return { ...forecast, copySeconds: forecast.copySeconds * share };
}

/** A part of a cluster never takes the place of a whole one. */
async function refuseWholeCluster({ state, path }: DestinationPlan): Promise<void> {
  if (state !== "cluster" || (await hasFile(path, PARTIAL_CLUSTER_FILE))) return;
  throw failure(
    "DESTINATION_UNSAFE",
    `a part of a cluster would replace the whole one in ${path}`,
    {
      hint: "Nothing was changed. Restore the part elsewhere with --pg1-path, and copy what is wanted from there with pg_dump.",
      context: { path },
    },
  );
}

/** Whether anything is there that a restore of ours may look at. */
function isFilled({ state }: DestinationPlan): boolean {
  return state === "cluster" || state === "aborted";
}

async function planPlaces(
  request: RestoreRequest,
  {
    header,
    survey,
    destination,
  }: { header: ManifestHeader; survey: ManifestSurvey; destination: DestinationPlan },
): Promise<readonly TablespacePlan[]> {
  return planTablespaces({
    locations: survey.tablespaces,
    names: header.tablespaces,
    mapping: request.tablespaces,
    destination,
    recordedDirectory: header.dataDirectory,
    majorVersion: header.majorVersion,
    overwrite: request.overwrite,
    protectedPaths: request.protectedPaths,
  });
}

/** Segments that PostgreSQL may keep in pg_wal at once while it recovers: the one it reads, the next, the new one. */
const WAL_SEGMENTS_AT_ONCE = 3;

const NO_FILES = { fileCount: 0, sizeBytes: 0 };

function spaceNeeds({
  header,
  survey,
  destination,
  tablespaces,
  walLink,
}: {
  header: ManifestHeader;
  survey: ManifestSurvey;
  destination: DestinationPlan;
  tablespaces: readonly TablespacePlan[];
  walLink: WalLinkPlan | undefined;
}): readonly SpaceNeed[] {
  const walBytes = WAL_SEGMENTS_AT_ONCE * header.segmentSizeBytes;
  const wal: SpaceNeed[] = walLink
    ? [
        {
          existing: walLink.existing,
          usage: NO_FILES,
          walBytes,
          removed: walLink.isFilled ? [walLink.path] : [],
        },
      ]
    : [];
  return [
    {
      existing: destination.existing,
      usage: survey.dataDirectory,
      walBytes: walLink ? 0 : walBytes,
      removed: destination.exists ? [destination.path] : [],
    },
    ...wal,
    ...tablespaces.map((tablespace) => ({
      existing: tablespace.existing,
      usage: survey.tablespaces.get(tablespace.oid) ?? NO_FILES,
      walBytes: 0,
      removed: tablespace.removed.map((name) => `${tablespace.path}/${name}`),
    })),
  ];
}

function walToFetch(request: RestoreRequest, { wal, history }: Route): readonly string[] {
  const { type, record, walAheadMaxBytes } = request;
  const { segmentSizeBytes } = record;
  return segmentsAhead({ type, wal, history, segmentSizeBytes, walAheadMaxBytes });
}

function planSettings(
  request: RestoreRequest,
  { history, compiled, wal, answer }: Route,
  { survey, isWalAhead }: { readonly survey: ManifestSurvey; readonly isWalAhead: boolean },
): RecoverySettings {
  const flags = restoreCommandFlags({
    type: request.type,
    targetAction: request.targetAction,
    interlock: request.interlock,
    timeline: history.timeline,
    lastSegment: wal?.last,
    isTargetInLast: answer !== undefined || request.target.kind === "immediate",
    isWalAhead,
  });
  return recoverySettings({
    type: request.type,
    target: compiled,
    targetAction: request.targetAction,
    timeline: history.timeline,
    followLatest: (request.timeline ?? "latest") === "latest",
    restoreCommand: request.restoreCommand(flags),
    archiveMode: request.archiveMode,
    hasInPlaceTablespaces: survey.hasInPlaceTablespaces,
    isPart: request.part !== undefined,
    recoveryOptions: request.recoveryOptions,
  });
}

function standbyNotes({ type, recoveryOptions }: RestoreRequest): readonly string[] {
  if (type !== "standby" || recoveryOptions.has("primary_conninfo")) return [];
  return [
    "Without --recovery-option=primary_conninfo=… the standby follows the archive only, one segment behind.",
  ];
}

function notesOn(destination: DestinationPlan, places: readonly Location[]): readonly string[] {
  return [destination, ...places]
    .filter(({ given, path }) => given.replace(/\/+$/, "") !== path)
    .map(({ given, path }) => `${given} leads to ${path}.`);
}

function warningsOn(
  request: RestoreRequest,
  { backup, history, wal, answer }: Route,
  {
    survey,
    walLink,
  }: { readonly survey: ManifestSurvey; readonly walLink: WalLinkPlan | undefined },
): readonly string[] {
  const warnings: string[] = [];
  const { type, target } = request;
  if (isToEnd(request) && wal?.leftAt !== undefined) {
    warnings.push(
      `No WAL of timeline ${history.timeline} is archived: recovery ends where it left its parent, at ${formatLsn(wal.leftAt)}, and has nothing of what was done since.`,
    );
  }
  if (type === "standby" && request.archiveMode === "off") {
    warnings.push(
      "archive_mode is off in this standby: once it is promoted, nothing of it is archived. --archive-mode=preserve leaves it as on the primary.",
    );
  }
  if (type === "none") {
    warnings.push(
      `No recovery is configured: PostgreSQL needs the WAL from ${backup.firstSegment} to ${backup.lastSegment} in pg_wal to start.`,
    );
  }
  if (
    wal &&
    !answer &&
    (target.kind === "time" || target.kind === "xid" || target.kind === "name")
  ) {
    warnings.push(
      "Whether the target exists was not looked up; PostgreSQL will stop with an error if it does not.",
    );
  }
  if (wal?.missing !== undefined) {
    warnings.push(
      `WAL segment ${wal.missing} is not stored: recovery from the archive ends there.`,
    );
  }
  if (request.part) {
    warnings.push(
      "Only a part of the cluster is restored: other tables read as empty or fail. It is no cluster to run; take from it what is wanted, and remove it.",
    );
  }
  if (request.recoveryOptions.has("restore_command")) {
    warnings.push(
      "The restore_command given as an option does not tell an outage from the end of the archive.",
    );
  }
  if (survey.hasInPlaceTablespaces) {
    warnings.push(
      "The backup has tablespaces inside of its data directory: allow_in_place_tablespaces is switched on for their recovery.",
    );
  }
  for (const link of survey.links.keys()) {
    if (link === WAL_DIRECTORY && walLink) continue;
    warnings.push(
      `${showPath(link)} was a link to another place and becomes a directory of its own.`,
    );
  }
  if (backup.pageErrors.length > 0) {
    warnings.push(
      `Pages of ${backup.pageErrors.length} files had wrong checksums when they were backed up.`,
    );
  }
  return warnings;
}
