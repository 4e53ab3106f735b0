// Where recovery should end. A target as a DBA writes it is one of PostgreSQL's kinds; the timeline is always pinned by
// the plan, so it stands beside the target and not in it.
import type { Lsn } from "./lsn.ts";
import type { TimeReading } from "./timestamp.ts";

/** The values of `restore --type`. */
export const RESTORE_TYPES = [
  "default",
  "immediate",
  "time",
  "xid",
  "name",
  "lsn",
  "standby",
  "preserve",
  "none",
] as const;
export type RestoreType = (typeof RESTORE_TYPES)[number];

/** What PostgreSQL does when it reaches the target: `recovery_target_action`. */
const TARGET_ACTIONS = ["pause", "promote", "shutdown"] as const;
export type TargetAction = (typeof TARGET_ACTIONS)[number];

/**
 * - `default`: the end of the archive.
 * - `immediate`: as soon as the backup is consistent.
 * - `time`, `xid`, `lsn`: at the first record past it, or at the record itself when exclusive.
 * - `name`: at the first restore point of that name after the backup.
 */
export type RecoveryTarget =
  | { readonly kind: "default" }
  | { readonly kind: "immediate" }
  | { readonly kind: "time"; readonly time: TimeReading; readonly exclusive: boolean }
  | { readonly kind: "xid"; readonly xid: bigint; readonly exclusive: boolean }
  | { readonly kind: "name"; readonly name: string }
  | { readonly kind: "lsn"; readonly lsn: Lsn; readonly exclusive: boolean };

/** Which timeline recovery follows: the newest one, the backup's own, or a certain one. */
export type TimelineChoice = "latest" | "current" | number;

/** Its existence in a data directory lifts the promotion interlock (docs/decisions/0002-promotion-interlock.md). */
export const ALLOW_PROMOTION_FILE = "hindsight.allow-promotion";

/**
 * Where a restore puts WAL that its recovery will ask for, below the data directory. bin/hindsight, which takes it from
 * there, has the name once more.
 */
export const WAL_SPOOL_DIRECTORY = "pg_wal/hindsight-spool";

/** What no recovery brings back, wherever it stops. */
export const RECOVERY_CAVEAT =
  "Unlogged tables are empty after any recovery, and sequences may have skipped up to 32 numbers.";
