import { expect, test } from "vitest";
import { foundRelation } from "../../recovery/find.fixture.ts";
import { effectsText } from "./relation-effects.ts";

test.each([
  [{}, ""],
  [{ deleted: 12_003, inserted: 4 }, "12,003 deleted, 4 inserted"],
  [{ inserted: 1, updated: 2, deleted: 3 }, "3 deleted, 2 updated, 1 inserted"],
  [{ movedOut: 30, movedIn: 20, updated: 1 }, "1 updated, 30 moved out, 20 moved in"],
  [{ dropped: true }, "DROPPED"],
  [{ dropped: true, rowsEstimate: 5000, deleted: 2 }, "DROPPED (about 5,000 rows), 2 deleted"],
  [{ truncated: true, rowsEstimate: 0 }, "TRUNCATED (about 0 rows)"],
  [{ replacedBy: 40, rowsEstimate: 1200 }, "ALL ROWS REPLACED by 40 (about 1,200 rows)"],
  [{ replacedBy: 0 }, "ALL ROWS REPLACED by 0"],
  [{ rewritten: true, inserted: 2 }, "2 inserted, rewritten, same rows"],
])("%o is %j", (parts, text) => {
  expect(effectsText(foundRelation(parts))).toBe(text);
});
