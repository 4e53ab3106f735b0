// Packs as texts, to compare and to count them.
import type { PackName } from "../repository/pack-format.ts";

/** `label/number` */
export function packName({ label, number }: PackName): string {
  return `${label}/${number}`;
}
