// The restore points on both sides of a position.
import type { Lsn } from "../../model/lsn.ts";
import type { PointFact } from "../../recovery/find.ts";

/** @param points in the order of WAL. */
export function pointsAround(
  points: readonly PointFact[],
  lsn: Lsn,
): { readonly before: PointFact | undefined; readonly after: PointFact | undefined } {
  return {
    before: points.findLast((point) => point.lsn < lsn),
    after: points.find((point) => point.lsn > lsn),
  };
}
