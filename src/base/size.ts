// Amounts of bytes as people read them, in one way everywhere.
import { GIB, KIB, MIB } from "./limits.ts";

const UNITS = [
  [1024 * GIB, "TB"],
  [GIB, "GB"],
  [MIB, "MB"],
  [KIB, "KB"],
] as const;

/** `45.2MB` as pgBackRest writes it: powers of 1024, one digit after the point unless it is zero. */
export function formatSize(bytes: number): string {
  for (const [unit, name] of UNITS) {
    if (bytes < unit) continue;
    const amount = (bytes / unit).toFixed(1);
    return `${amount.endsWith(".0") ? amount.slice(0, -2) : amount}${name}`;
  }
  return `${bytes}B`;
}
