// `hindsight find`: which transaction did it, and the record to stop before.
import type { Settings } from "../../config/settings.ts";
import { EXIT, failure } from "../../model/failure.ts";
import { formatInZone, parseTimeTarget } from "../../model/timestamp.ts";
import { findTransactions, type FindQuery } from "../../recovery/find.ts";
import { parseRelationName } from "../../model/relation-name.ts";
import { followingOptions } from "../following-options.ts";
import { firstSegmentFor, historyView } from "../history-view.ts";
import type { Invocation } from "../invocation.ts";
import { findJson, type FoundView } from "../render/find-json.ts";
import { findText } from "../render/find-text.ts";
import { historyPicture } from "../render/history-picture.ts";
import { createProgressLine } from "../render/progress.ts";
import { adviseOtherRepository } from "../repositories.ts";

/** @throws {HindsightError} `RELATION_UNKNOWN`, `RELATION_AMBIGUOUS`, `RELATION_INVALID`, `TIMESTAMP_INVALID` */
export async function run(invocation: Invocation): Promise<number> {
  try {
    return await find(invocation);
  } catch (error) {
    throw adviseOtherRepository(error, invocation.settings);
  }
}

async function find({ settings, context, output }: Invocation): Promise<number> {
  const view = await historyView(settings, context);
  const query = readQuery(settings, { timeZone: view.timeZone, now: context.clock.now() });
  const first = query.from && firstSegmentFor(view, query.from);
  const result = await withProgress((onProgress) =>
    findTransactions({ ...view, first, onProgress }, query, context),
  );
  const found: FoundView = { view, query, result, options: followingOptions(settings) };
  const picture = settings.get("timeline") ? [historyPicture(found), ""] : [];
  output.result([...picture, findText(found)].join("\n"), findJson(found));
  return EXIT.done;
}

function readQuery(
  settings: Settings,
  { timeZone, now }: { readonly timeZone: string; readonly now: Temporal.Instant },
): FindQuery {
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
  {
    timeZone,
    now,
    from,
  }: {
    readonly timeZone: string;
    readonly now: Temporal.Instant;
    readonly from: Temporal.Instant | undefined;
  },
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

async function withProgress<Result>(
  work: (onProgress: (segment: string) => void) => Promise<Result>,
): Promise<Result> {
  using line = createProgressLine();
  return await work((segment) => line.show(`looking at WAL segment ${segment}`));
}
