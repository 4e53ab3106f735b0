// From settings to what `hindsight find` looks for.
import type { Settings } from "../config/settings.ts";
import { failure } from "../model/failure.ts";
import { parseRelationName } from "../model/relation-name.ts";
import { formatInZone, parseTimeTarget } from "../model/timestamp.ts";
import type { FindQuery } from "../recovery/find.ts";

/** What texts are read by. */
export interface QueryClock {
  /** The cluster's. */
  readonly timeZone: string;
  readonly now: Temporal.Instant;
}

/** @throws {HindsightError} `CONFIG_OPTION_INVALID`, `RELATION_INVALID`, `TIMESTAMP_INVALID`, `TARGET_INVALID` */
export function readFindQuery(settings: Settings, { timeZone, now }: QueryClock): FindQuery {
  const table = settings.get("table");
  const [fromText, toText] = [settings.get("from"), settings.get("to")];
  const from =
    fromText === undefined ? undefined : parseTimeTarget(fromText, timeZone, now).instant;
  const to = toText === undefined ? undefined : readEnd(toText, { timeZone, now, from });
  if (from && to && Temporal.Instant.compare(from, to) > 0) {
    throw failure("CONFIG_OPTION_INVALID", "--from lies after --to", {
      hint: `They were read as ${formatInZone(from, timeZone)} and ${formatInZone(to, timeZone)}; a time without date is the most recent one.`,
    });
  }
  return {
    table: table === undefined ? undefined : parseRelationName(table),
    operation: settings.get("operation"),
    from,
    to,
    xid: readXid(settings.get("xid")),
    rowsMin: settings.get("min-rows"),
    includesAborted: settings.get("aborted"),
    countMax: settings.get("limit"),
  };
}

/** A clock time alone is the first one behind the beginning, if there is one, else the most recent one. */
function readEnd(
  text: string,
  { timeZone, now, from }: QueryClock & { readonly from: Temporal.Instant | undefined },
): Temporal.Instant {
  const isClockTime = /^\s*\d{1,2}:/.test(text);
  const latest = isClockTime ? from?.add({ hours: 24 }).subtract({ microseconds: 1 }) : undefined;
  return parseTimeTarget(text, timeZone, latest ?? now).instant;
}

function readXid(text: string | undefined): bigint | undefined {
  if (text === undefined) return undefined;
  if (/^[0-9]{1,19}$/.test(text) && BigInt(text) >= 3n) return BigInt(text);
  throw failure("CONFIG_OPTION_INVALID", `--xid=${text} is not a transaction id`, {
    hint: "Write the number that the log or pg_current_xact_id() showed.",
  });
}
