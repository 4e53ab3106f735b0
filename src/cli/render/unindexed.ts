// WAL without index, as info, check and index show it.
import type { UnindexedSpan } from "../../archive/unindexed-spans.ts";
import type { JsonValue } from "./json.ts";

/** The names, and how many: `A to B (3 segments)`. */
export function unindexedText({ first, last, segmentCount, beginsArchive }: UnindexedSpan): string {
  if (beginsArchive) return `${first} (nothing before it is archived)`;
  return segmentCount === 1 ? first : `${first} to ${last} (${segmentCount} segments)`;
}

/** @param repository its number, under the key that pgBackRest has for it. */
export function unindexedJson(span: UnindexedSpan, repository: number): JsonValue {
  const { timeline, first, last, segmentCount, beginsArchive } = span;
  return {
    timeline,
    first,
    last,
    segments: segmentCount,
    beginsArchive,
    "repo-key": repository,
  };
}
