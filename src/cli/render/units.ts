// Amounts as people read them: `45.2MB`, `23s`, `1h 02m`.
import { GIB, KIB, MIB } from "../../base/limits.ts";

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

/** `0.4s`, `23s`, `4m 05s`, `2h 03m`. */
export function formatDuration(seconds: number): string {
  if (seconds < 9.95) return `${seconds.toFixed(1)}s`;
  const whole = Math.round(seconds);
  const two = (value: number): string => String(value).padStart(2, "0");
  if (whole < 60) return `${whole}s`;
  if (whole < 3600) return `${Math.floor(whole / 60)}m ${two(whole % 60)}s`;
  return `${Math.floor(whole / 3600)}h ${two(Math.floor((whole % 3600) / 60))}m`;
}

/** To the millisecond, for JSON. */
export function roundSeconds(seconds: number): number {
  return Math.round(seconds * 1000) / 1000;
}
