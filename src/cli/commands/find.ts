// `hindsight find`: which transaction did it, and the record to stop before.
import { EXIT } from "../../model/failure.ts";
import { findTransactions } from "../../recovery/find.ts";
import { readFindQuery } from "../find-query.ts";
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
  const query = readFindQuery(settings, { timeZone: view.timeZone, now: context.clock.now() });
  const first = query.from && firstSegmentFor(view, query.from);
  const result = await withProgress((onProgress) =>
    findTransactions({ ...view, first, onProgress }, query, context),
  );
  const found: FoundView = { view, query, result, options: followingOptions(settings) };
  const picture = settings.get("timeline") ? [historyPicture(found), ""] : [];
  output.result([...picture, findText(found)].join("\n"), findJson(found));
  return EXIT.done;
}

async function withProgress<Result>(
  work: (onProgress: (segment: string) => void) => Promise<Result>,
): Promise<Result> {
  using line = createProgressLine();
  return await work((segment) => line.show(`looking at WAL segment ${segment}`));
}
