// `hindsight find`: which transaction did it, and the record to stop before.
import type { Settings } from "../../config/settings.ts";
import { EXIT, failure } from "../../model/failure.ts";
import { parseTimeTarget } from "../../model/timestamp.ts";
import { findTransactions, type FindQuery } from "../../recovery/find.ts";
import { parseRelationName } from "../../model/relation-name.ts";
import { followingOptions } from "../following-options.ts";
import { firstSegmentFor, historyView } from "../history-view.ts";
import type { Invocation } from "../invocation.ts";
import { findJson } from "../render/find-json.ts";
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
  const found = { view, query, result, options: followingOptions(settings) };
  const picture = settings.get("timeline") ? [historyPicture(found), ""] : [];
  output.result([...picture, findText(found)].join("\n"), findJson(found));
  return EXIT.done;
}

function readQuery(
  settings: Settings,
  { timeZone, now }: { readonly timeZone: string; readonly now: Temporal.Instant },
): FindQuery {
  const time = (name: "from" | "to"): Temporal.Instant | undefined => {
    const text = settings.get(name);
    return text === undefined ? undefined : parseTimeTarget(text, timeZone, now).instant;
  };
  const table = settings.get("table");
  const [from, to] = [time("from"), time("to")];
  if (from && to && Temporal.Instant.compare(from, to) > 0) {
    throw failure("CONFIG_OPTION_INVALID", "--from lies after --to", {
      hint: "Swap them; a time without date is the most recent one.",
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
