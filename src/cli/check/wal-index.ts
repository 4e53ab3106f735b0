// Whether archived WAL has its indexes. Nothing is lost without them, so this only warns.
import type { Context } from "../../base/context.ts";
import { REBUILD_COMMAND, unindexedSpans } from "../../archive/unindexed-spans.ts";
import type { WalArchive } from "../../repository/wal-archive.ts";
import { unindexedText } from "../render/unindexed.ts";
import { failedBy, type Finding, passed, warned } from "./finding.ts";

const NAME = "WAL index";
/** Spans named in one line; `hindsight index` names all. */
const SPANS_NAMED_MAX = 3;

/** Looks for archived segments without an index; the newest one may be waiting for it. */
export async function checkWalIndex(archive: WalArchive, context: Context): Promise<Finding> {
  try {
    const spans = await unindexedSpans(archive, { sparesNewest: true }, context);
    const mendable = spans.filter((span) => !span.beginsArchive);
    if (mendable.length === 0) {
      const begins = spans.map((span) => `none for ${unindexedText(span)}`).join(", ");
      return passed(NAME, begins || "no archived segment lacks one");
    }
    const named = mendable.slice(0, SPANS_NAMED_MAX).map(unindexedText).join(", ");
    const more = mendable.length - SPANS_NAMED_MAX;
    const detail = `none for ${named}${more > 0 ? ` and ${more} more spans` : ""}`;
    return warned(NAME, detail, `Run: ${REBUILD_COMMAND} --stanza=${archive.stanza}`);
  } catch (error) {
    return failedBy(NAME, error);
  }
}
