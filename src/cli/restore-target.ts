// From options to a recovery target: `--type` and `--target` as in pgBackRest, or Barman's `--target-time` and its kin.
// Pure: texts in, a target out.
import type { Settings } from "../config/settings.ts";
import { failure } from "../model/failure.ts";
import { parseLsn } from "../model/lsn.ts";
import {
  type RecoveryTarget,
  RESTORE_TYPES,
  type RestoreType,
  type TargetAction,
  type TimelineChoice,
} from "../model/recovery-target.ts";
import { timeline } from "../model/timeline.ts";
import { parseTimeTarget } from "../model/timestamp.ts";

/** What is asked for, before it is known where it lies. */
export interface TargetChoice {
  readonly type: RestoreType;
  readonly target: RecoveryTarget;
  readonly targetAction: TargetAction;
  /** Undefined when the user did not say. */
  readonly timeline: TimelineChoice | undefined;
}

/** What a time without date or offset is read by. */
export interface TimeReference {
  /** The cluster's TimeZone setting. */
  readonly timeZone: string;
  readonly now: Temporal.Instant;
}

/**
 * Reads the target.
 *
 * @throws {HindsightError} `CONFIG_OPTION_INVALID` and `CONFIG_OPTION_MISSING` for options that contradict each other,
 *   `TIMESTAMP_INVALID`, `LSN_INVALID`, `XID_INVALID`, `TARGET_INVALID`, `TIMELINE_INVALID` for texts.
 */
export function readTarget(settings: Settings, reference: TimeReference): TargetChoice {
  const { type, text } = readKind(settings);
  const exclusive = settings.get("target-exclusive") || settings.get("exclusive");
  if (exclusive && !EXCLUSIVE_TYPES.includes(type)) {
    throw contradiction(
      `--target-exclusive has no meaning with --type=${type}`,
      "Only time, xid and lsn can be exclusive.",
    );
  }
  const target = parseTarget(type, text, { exclusive, ...reference });
  const targetAction = settings.get("target-action") ?? (type === "default" ? "promote" : "pause");
  return { type, target, targetAction, timeline: readTimeline(settings) };
}

const EXCLUSIVE_TYPES: readonly RestoreType[] = ["time", "xid", "lsn"];
const VALUE_TYPES: readonly RestoreType[] = ["time", "xid", "name", "lsn"];

interface TargetText {
  readonly type: RestoreType;
  /** Undefined for types without value. */
  readonly text: string | undefined;
}

/** One of pgBackRest's pair and Barman's options, and only one. */
function readKind(settings: Settings): TargetText {
  const given: TargetText[] = [];
  const type = settings.get("type");
  const text = settings.get("target");
  if (type !== undefined || text !== undefined) given.push(readPair(type, text));
  for (const [option, kind] of BARMAN_OPTIONS) {
    const value = settings.get(option);
    if (value !== undefined) given.push({ type: kind, text: value });
  }
  if (settings.get("target-immediate")) given.push({ type: "immediate", text: undefined });
  if (given.length > 1) {
    throw contradiction("more than one recovery target is given", "Keep one of them.");
  }
  return given[0] ?? { type: "default", text: undefined };
}

const BARMAN_OPTIONS = [
  ["target-time", "time"],
  ["target-xid", "xid"],
  ["target-name", "name"],
  ["target-lsn", "lsn"],
] as const;

function readPair(word: string | undefined, text: string | undefined): TargetText {
  if (word === undefined) {
    throw failure("CONFIG_OPTION_MISSING", `--target=${text} needs to know what it is`, {
      hint: "Add --type=time, xid, name or lsn.",
    });
  }
  const type = RESTORE_TYPES.find((candidate) => candidate === word);
  if (type === undefined) {
    throw contradiction(
      `a restore cannot be of type ${word}`,
      `The types are ${RESTORE_TYPES.join(", ")}.`,
    );
  }
  if (VALUE_TYPES.includes(type) && text === undefined) {
    throw failure("CONFIG_OPTION_MISSING", `--type=${type} needs --target`, {
      hint: `Say which: --target=${EXAMPLES[type] ?? "…"}.`,
    });
  }
  if (!VALUE_TYPES.includes(type) && text !== undefined) {
    throw contradiction(`--type=${type} takes no --target`, "Leave one of them out.");
  }
  return { type, text };
}

const EXAMPLES: Partial<Record<RestoreType, string>> = {
  time: "'2025-11-19 11:49:45+00'",
  xid: "12345678",
  name: "before_disaster",
  lsn: "0/15000028",
};

function parseTarget(
  type: RestoreType,
  text = "",
  options: TimeReference & { readonly exclusive: boolean },
): RecoveryTarget {
  const { exclusive, timeZone, now } = options;
  switch (type) {
    case "time":
      return { kind: "time", time: parseTimeTarget(text, timeZone, now), exclusive };
    case "xid":
      return { kind: "xid", xid: parseXid(text), exclusive };
    case "name":
      return { kind: "name", name: parseName(text) };
    case "lsn":
      return { kind: "lsn", lsn: parseLsn(text), exclusive };
    case "immediate":
      return { kind: "immediate" };
    case "default":
    case "standby":
    case "preserve":
    case "none":
      return { kind: "default" };
  }
}

/**
 * A transaction id, with or without the epoch in its high 32 bits.
 *
 * @throws {HindsightError} `XID_INVALID`
 */
export function parseXid(text: string): bigint {
  if (!/^[0-9]{1,20}$/.test(text) || BigInt(text) >= 1n << 64n || BigInt(text) < 3n) {
    throw failure("XID_INVALID", `"${text}" is not a transaction id`, {
      hint: "Write the number that the log or pg_current_xact_id() showed.",
    });
  }
  return BigInt(text);
}

/**
 * The name of a restore point. PostgreSQL keeps 63 bytes of it.
 *
 * @throws {HindsightError} `TARGET_INVALID`
 * @source PostgreSQL src/include/access/xlog_internal.h, MAXFNAMELEN
 */
export function parseName(text: string): string {
  if (text !== "" && Buffer.byteLength(text) <= 63) return text;
  if (text === "") {
    throw failure("TARGET_INVALID", "a restore point has no empty name", {
      hint: "Write the name that was given to pg_create_restore_point().",
    });
  }
  throw failure("TARGET_INVALID", `"${text}" is too long for the name of a restore point`, {
    hint: "PostgreSQL allows at most 63 bytes.",
  });
}

/** `latest`, `current`, a decimal number, or a hexadecimal one with 0x, as in pgBackRest. */
export function readTimeline(settings: Settings): TimelineChoice | undefined {
  const given = settings.origin("target-timeline") !== "default";
  const text = settings.get("target-tli") ?? (given ? settings.get("target-timeline") : undefined);
  if (text === undefined) return undefined;
  if (text === "latest" || text === "current") return text;
  if (!/^(?:[0-9]{1,10}|0[xX][0-9A-Fa-f]{1,8})$/.test(text)) {
    throw failure("TIMELINE_INVALID", `"${text}" is not a timeline`, {
      hint: "Write latest, current, a decimal number such as 10, or a hexadecimal one such as 0xA.",
    });
  }
  // A name of a file such as 0000000A is hexadecimal, 00000010 would be ambiguous: PostgreSQL reads it as octal.
  if (/^0[0-9]+$/.test(text)) {
    throw failure("TIMELINE_INVALID", `"${text}" can be read in more than one base`, {
      hint: `Write ${Number.parseInt(text, 10)} if it is decimal, or 0x${text.replace(/^0+/, "")} if it comes from the name of a WAL file.`,
    });
  }
  return timeline(Number(text));
}

function contradiction(message: string, hint: string): Error {
  return failure("CONFIG_OPTION_INVALID", message, { hint });
}
