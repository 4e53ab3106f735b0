import { expect, test } from "vitest";
import { createContext } from "../base/context.ts";
import { timeline, type TimelineHistory } from "../model/timeline.ts";
import { archiveWith, indexWith, stepLsn } from "./find.fixture.ts";
import { type OtherBranch, otherBranches } from "./other-branches.ts";

/** Timeline 2 left timeline 1 in segment 2. */
const SECOND: TimelineHistory = {
  timeline: timeline(2),
  ancestors: [{ timeline: timeline(1), switchLsn: stepLsn(2, 3), reason: "" }],
};
const FIRST: TimelineHistory = { timeline: timeline(1), ancestors: [] };

/** @param stored segments, each with its timeline. */
async function branchesOf(
  history: TimelineHistory,
  stored: readonly (readonly [timeline: number, segment: number])[],
): Promise<readonly OtherBranch[]> {
  const indexes = stored.map(([id, segment]) => [id, indexWith(segment, [])] as const);
  const archive = await archiveWith(indexes);
  return await otherBranches({ archive, history }, [1, 2, 3].map(timeline), createContext());
}

const THIRD = { timeline: 3, behind: undefined };

test("an ancestor that goes on behind the switch is one", async () => {
  const goesOn = { timeline: 1, behind: stepLsn(2, 3) };
  expect(
    await branchesOf(SECOND, [
      [1, 1],
      [1, 2],
      [2, 2],
    ]),
  ).toEqual([goesOn, THIRD]);
  expect(
    await branchesOf(SECOND, [
      [1, 1],
      [1, 5],
      [2, 2],
    ]),
  ).toEqual([goesOn, THIRD]);
});

test("an ancestor that ends before it is none", async () => {
  expect(
    await branchesOf(SECOND, [
      [1, 1],
      [2, 2],
    ]),
  ).toEqual([THIRD]);
});

test("a timeline that the path was never on is one", async () => {
  const others = await branchesOf(FIRST, [
    [1, 1],
    [2, 2],
  ]);
  expect(others).toEqual([{ timeline: 2, behind: undefined }, THIRD]);
});
