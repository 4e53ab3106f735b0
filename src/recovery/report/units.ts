// Numbers as people read them in reports.
import { formatInZone } from "../../model/timestamp.ts";
import { NOT_MEASURED } from "./document.ts";

/** `0.42 s`, `12.4 s`, `15 min`, `4 min 12 s`, `1 h 03 min`. */
export function formatSeconds(seconds: number | undefined): string {
  if (seconds === undefined) return NOT_MEASURED;
  if (seconds === 0) return "0 s";
  if (seconds < 1) return `${seconds.toFixed(2)} s`;
  if (seconds < 59.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 3600) {
    const rest = whole % 60 === 0 ? "" : ` ${pad(whole % 60)} s`;
    return `${Math.floor(whole / 60)} min${rest}`;
  }
  const minutes = Math.round(whole / 60);
  return `${Math.floor(minutes / 60)} h ${pad(minutes % 60)} min`;
}

function pad(number: number): string {
  return String(number).padStart(2, "0");
}

/** `60,104` */
export function formatCount(count: number | undefined): string {
  return count === undefined ? NOT_MEASURED : count.toLocaleString("en-US");
}

/** `100 %`, `99.97 %`; never rounded up to 100. */
export function formatShare(share: number | undefined): string {
  if (share === undefined) return NOT_MEASURED;
  return share === 1 ? "100 %" : `${(Math.floor(share * 10_000) / 100).toFixed(2)} %`;
}

/**
 * UTC and, where it differs, the cluster's own time: `2026-11-19 11:49:40.5+00:00 (12:49:40.5+01:00 Europe/Paris)`. The
 * date is repeated only where it differs, and microseconds only as far as they are not zero.
 */
export function formatTime(instant: Temporal.Instant | undefined, timeZone: string): string {
  if (instant === undefined) return NOT_MEASURED;
  const universal = trimFraction(formatInZone(instant, "UTC"));
  const local = trimFraction(formatInZone(instant, timeZone));
  if (local === universal) return universal;
  const isSameDay = local.slice(0, 10) === universal.slice(0, 10);
  return `${universal} (${isSameDay ? local.slice(11) : local} ${timeZone})`;
}

function trimFraction(time: string): string {
  return time.replace(/\.?0*(?=[+-]\d\d:\d\d$)/, "");
}
