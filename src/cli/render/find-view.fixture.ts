// For the tests of what `hindsight find` prints: a view of an empty archive, with a backup that is complete at step 5 of
// segment 1.
import { timeline } from "../../model/timeline.ts";
import type { FindResult } from "../../recovery/find.ts";
import { stepLsn } from "../../recovery/find.fixture.ts";
import { archiveIn, backupAt } from "../../recovery/target.fixture.ts";
import { createMemoryStore } from "../../storage/memory.ts";
import type { HistoryView } from "../history-view.ts";
import type { FoundView } from "./find-json.ts";

const archive = await archiveIn(createMemoryStore(), []);

/** Everything that is printed of a result. */
export function foundView(
  result: FindResult,
  view: Partial<HistoryView> = {},
  query: Partial<FoundView["query"]> = {},
): FoundView {
  return {
    view: {
      archive,
      history: { timeline: timeline(1), ancestors: [] },
      backups: [backupAt(stepLsn(1, 0), stepLsn(1, 5), [0, 1])],
      timeZone: "UTC",
      blockSizeBytes: 8192,
      branches: [],
      ...view,
    },
    query: { countMax: 10, ...query },
    result,
    options: ["--stanza=main"],
  };
}
