// The expression of `hindsight target`, and of every command that takes a target as one word: a text in, a target out.
import { failure } from "../model/failure.ts";
import { parseLsn } from "../model/lsn.ts";
import type { RecoveryTarget } from "../model/recovery-target.ts";
import { parseTimeTarget } from "../model/timestamp.ts";
import { parseName, parseXid, type TimeReference } from "./restore-target.ts";

/** What a prefix makes of the text behind it. */
const PREFIXES: Readonly<Record<string, (text: string) => RecoveryTarget>> = {
  xid: (text) => ({ kind: "xid", xid: parseXid(text), exclusive: false }),
  "before-xid": (text) => ({ kind: "xid", xid: parseXid(text), exclusive: true }),
  name: (text) => ({ kind: "name", name: parseName(text) }),
  lsn: (text) => ({ kind: "lsn", lsn: parseLsn(text), exclusive: false }),
  "before-lsn": (text) => ({ kind: "lsn", lsn: parseLsn(text), exclusive: true }),
};

const WORDS: Readonly<Record<string, RecoveryTarget>> = {
  latest: { kind: "default" },
  immediate: { kind: "immediate" },
};

/** A clock time has digits before its colon. */
const PREFIXED = /^([A-Za-z][A-Za-z-]*):(.*)$/s;

/**
 * Reads `2025-11-19 11:49:45+00`, `11:49 Europe/Paris`, `5 minutes ago`, `xid:12345` (that transaction is kept),
 * `before-xid:12345`, `name:before_disaster`, `lsn:0/15000028` (that record is replayed), `before-lsn:0/15000028`,
 * `latest`, `immediate`.
 *
 * @throws {HindsightError} `COMMAND_ARGUMENT_INVALID` for another prefix; `TIMESTAMP_INVALID`, `LSN_INVALID`,
 *   `XID_INVALID`, `TARGET_INVALID` for what stands behind one.
 */
export function parseTargetExpression(text: string, reference: TimeReference): RecoveryTarget {
  const expression = text.trim();
  const word = Object.hasOwn(WORDS, expression) ? WORDS[expression] : undefined;
  if (word) return word;
  const [, prefix = "", rest = ""] = PREFIXED.exec(expression) ?? [];
  const read = Object.hasOwn(PREFIXES, prefix) ? PREFIXES[prefix] : undefined;
  // A name may begin or end with spaces.
  if (read) return read(prefix === "name" ? rest : rest.trim());
  if (prefix !== "") {
    throw failure("COMMAND_ARGUMENT_INVALID", `"${prefix}:" is no kind of target`, {
      hint: `Write a time, latest, immediate, or one of ${Object.keys(PREFIXES)
        .map((each) => `${each}:`)
        .join(", ")}.`,
    });
  }
  const { timeZone, now } = reference;
  return { kind: "time", time: parseTimeTarget(expression, timeZone, now), exclusive: false };
}
