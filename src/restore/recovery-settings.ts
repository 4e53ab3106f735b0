// What PostgreSQL is told about a recovery: the signal file and the settings at the end of postgresql.auto.conf.
//
// Settings that would change a recovery may also stand in postgresql.conf or a file it includes. Those files stay as
// production had them, so each such setting is overridden here, with an empty value where the plan has none. The order
// matters: PostgreSQL assigns settings in the order of the file, assigning an empty target after ours would forget ours,
// and a second target that is not empty is an error. So the empty ones come first and ours comes last.
// @source PostgreSQL src/backend/access/transam/xlogrecovery.c (14: utils/misc/guc.c), assign_recovery_target_time
import { failure } from "../model/failure.ts";
import { formatLsn } from "../model/lsn.ts";
import type { RecoveryTarget, RestoreType, TargetAction } from "../model/recovery-target.ts";
import type { Timeline } from "../model/timeline.ts";
import { formatInZone } from "../model/timestamp.ts";
import type { Setting } from "./auto-conf.ts";

/** The empty file whose existence tells PostgreSQL to recover, or to follow as a standby. */
export type SignalFile = "recovery.signal" | "standby.signal";

/** What will be written; empty for `preserve`, which keeps what the destination has. */
export interface RecoverySettings {
  readonly signal: SignalFile | undefined;
  /** In the order in which they must stand. */
  readonly settings: readonly Setting[];
  /** Names that are taken out of the file that was backed up, in lower case. */
  readonly removed: ReadonlySet<string>;
}

/** What the settings are derived from. */
export interface RecoverySettingsRequest {
  readonly type: RestoreType;
  readonly target: RecoveryTarget;
  readonly targetAction: TargetAction;
  readonly timeline: Timeline;
  /** Whether a standby follows whatever timeline comes next instead of staying on `timeline`. */
  readonly followLatest: boolean;
  /** The whole command, with `%f` and `%p`. */
  readonly restoreCommand: string;
  readonly archiveMode: "preserve" | "off";
  /** Whether a tablespace is a directory in pg_tblspc, which PostgreSQL takes for damage unless told otherwise. */
  readonly hasInPlaceTablespaces: boolean;
  /** Whether only a part of the cluster is restored, which nobody must take for a cluster to run. */
  readonly isPart: boolean;
  /** Settings that the user adds or replaces, names in lower case. */
  readonly recoveryOptions: ReadonlyMap<string, string>;
}

/** Where recovery ends: at most one of them may be set. */
const TARGET_SETTINGS = [
  "recovery_target",
  "recovery_target_lsn",
  "recovery_target_name",
  "recovery_target_time",
  "recovery_target_xid",
] as const;

/** Settings that production may have and that would run commands or wait in the middle of a recovery. */
const DISARMED: readonly Setting[] = [
  { name: "archive_cleanup_command", value: "" },
  { name: "recovery_end_command", value: "" },
  { name: "recovery_min_apply_delay", value: "0" },
];

/** Everything about recovery that a backed up postgresql.auto.conf may hold and that is not for the copy. */
const RECOVERY_SETTINGS: ReadonlySet<string> = new Set([
  ...TARGET_SETTINGS,
  ...DISARMED.map((setting) => setting.name),
  "primary_conninfo",
  "primary_slot_name",
  "promote_trigger_file",
  "recovery_target_action",
  "recovery_target_inclusive",
  "recovery_target_timeline",
  "restore_command",
  "standby_mode",
  "trigger_file",
]);

/** PostgreSQL's limit for the name of a restore point, in bytes (MAXFNAMELEN - 1). */
const RESTORE_POINT_NAME_MAX_BYTES = 63;

/** Decides signal file and settings. @throws {HindsightError} `TARGET_INVALID`, `CONFIG_OPTION_INVALID` */
export function recoverySettings(request: RecoverySettingsRequest): RecoverySettings {
  if (request.type === "preserve") {
    return { signal: undefined, settings: placeSettings(request), removed: new Set() };
  }
  if (request.type === "none") {
    return { signal: undefined, settings: placeSettings(request), removed: RECOVERY_SETTINGS };
  }
  const base = request.type === "standby" ? standbySettings(request) : targetedSettings(request);
  return {
    signal: request.type === "standby" ? "standby.signal" : "recovery.signal",
    settings: [...withOptions(base, request), ...placeSettings(request)],
    removed: RECOVERY_SETTINGS,
  };
}

/** The target as the setting that states it; undefined for the end of the archive. */
export function targetSetting(target: RecoveryTarget): Setting | undefined {
  switch (target.kind) {
    case "default":
      return undefined;
    case "immediate":
      return { name: "recovery_target", value: "immediate" };
    case "time":
      return { name: "recovery_target_time", value: formatInZone(target.time.instant, "UTC") };
    case "xid":
      // A transaction id with its epoch is 64 bits wide; WAL records and PostgreSQL's comparison know the low 32.
      return { name: "recovery_target_xid", value: BigInt.asUintN(32, target.xid).toString() };
    case "name":
      return { name: "recovery_target_name", value: restorePointName(target.name) };
    case "lsn":
      return { name: "recovery_target_lsn", value: formatLsn(target.lsn) };
  }
}

function targetedSettings(request: RecoverySettingsRequest): readonly Setting[] {
  const own = targetSetting(request.target);
  const exclusive = "exclusive" in request.target && request.target.exclusive;
  return [
    { name: "restore_command", value: request.restoreCommand },
    ...DISARMED,
    ...emptyTargets(own),
    { name: "recovery_target_timeline", value: request.timeline.toString(10) },
    { name: "recovery_target_inclusive", value: exclusive ? "off" : "on" },
    { name: "recovery_target_action", value: request.targetAction },
    ...(own === undefined ? [] : [own]),
  ];
}

function standbySettings(request: RecoverySettingsRequest): readonly Setting[] {
  const timeline = request.followLatest ? "latest" : request.timeline.toString(10);
  return [
    { name: "restore_command", value: request.restoreCommand },
    ...emptyTargets(undefined),
    { name: "recovery_target_timeline", value: timeline },
  ];
}

function emptyTargets(own: Setting | undefined): readonly Setting[] {
  return TARGET_SETTINGS.filter((name) => name !== own?.name).map((name) => ({ name, value: "" }));
}

/** Options replace a setting of the same name where it stands; new ones come before the target, which stays last. */
function withOptions(
  base: readonly Setting[],
  { recoveryOptions }: RecoverySettingsRequest,
): readonly Setting[] {
  for (const name of recoveryOptions.keys()) refuseTargetOption(name);
  const replaced = base.map((setting) => ({
    name: setting.name,
    value: recoveryOptions.get(setting.name) ?? setting.value,
  }));
  const names = new Set(base.map((setting) => setting.name));
  const added = [...recoveryOptions]
    .filter(([name]) => !names.has(name))
    .map(([name, value]) => ({ name, value }));
  return [...added, ...replaced];
}

/** A target given as an option would be set without any of the checks that the plan makes. */
function refuseTargetOption(name: string): void {
  if (!/^[a-z_][\w$]*(?:\.[a-z_][\w$]*)*$/.test(name)) {
    throw failure("CONFIG_OPTION_INVALID", `"${name}" is not the name of a PostgreSQL setting`, {
      hint: "Write --recovery-option=name=value, such as --recovery-option=primary_conninfo=host=db1.",
    });
  }
  if (name === "recovery_target" || name.startsWith("recovery_target_")) {
    throw failure("CONFIG_OPTION_INVALID", `--recovery-option cannot set ${name}`, {
      hint: "Say where recovery ends by --type, --target, --target-exclusive, --target-action and --target-timeline.",
    });
  }
}

/** rules.md B4: what was left out reads as empty, and nothing may write to it, or clean it up. */
const PART_SETTINGS: readonly Setting[] = [
  { name: "autovacuum", value: "off" },
  { name: "default_transaction_read_only", value: "on" },
];

/** What is due to the copy and its place, not to its recovery. */
function placeSettings(request: RecoverySettingsRequest): readonly Setting[] {
  const inPlace = { name: "allow_in_place_tablespaces", value: "on" };
  const archiving = { name: "archive_mode", value: "off" };
  return [
    ...(request.hasInPlaceTablespaces ? [inPlace] : []),
    ...(request.archiveMode === "off" ? [archiving] : []),
    ...(request.isPart ? PART_SETTINGS : []),
  ];
}

function restorePointName(name: string): string {
  const lengthBytes = Buffer.byteLength(name, "utf8");
  if (lengthBytes === 0 || lengthBytes > RESTORE_POINT_NAME_MAX_BYTES || /[\n\r\0]/.test(name)) {
    throw failure("TARGET_INVALID", `"${name}" cannot be the name of a restore point`, {
      hint: `pg_create_restore_point takes names of 1 to ${RESTORE_POINT_NAME_MAX_BYTES} bytes.`,
    });
  }
  return name;
}
