import { expect, test } from "vitest";
import { lsn } from "../../model/lsn.ts";
import { timeline, type TimelineHistory } from "../../model/timeline.ts";
import { findResult, stepLsn } from "../../recovery/find.fixture.ts";
import { restoreAnswer } from "./find-command.ts";
import { findAdvice, segmentNameOn } from "./find-json.ts";
import { foundView } from "./find-view.fixture.ts";

/** Timeline 2 left timeline 1 in segment 9. */
const HISTORY: TimelineHistory = {
  timeline: timeline(2),
  ancestors: [{ timeline: timeline(1), switchLsn: lsn(stepLsn(9, 3)), reason: "" }],
};

test("what an ancestor wrote is restored along the timeline that was searched", () => {
  const found = foundView(findResult([]), { history: HISTORY });
  const stopBefore = { lsn: stepLsn(9, 1), irreversible: undefined };
  const { command } = restoreAnswer({ stopBefore }, findAdvice(found));
  expect(command).toContain(" --target-timeline=2 ");
});

test("segments have the name of the youngest timeline that has a part of them", () => {
  const { view } = foundView(findResult([]), { history: HISTORY });
  const names = [3n, 9n, 12n].map((number) => segmentNameOn(view, number).slice(0, 8));
  expect(names).toEqual(["00000001", "00000002", "00000002"]);
});
