// A line that is drawn again and again while something runs. Only on a terminal, and never with NO_COLOR.
import { drawLiveLine, eraseLiveLine, isLively } from "./streams.ts";

const REDRAW_MS = 100;
const BAR_WIDTH = 24;

/** Shows the state of something that runs, until it is disposed of. */
export interface ProgressLine extends Disposable {
  /** Replaces what is shown; calls that come too fast are dropped. */
  show(text: string): void;
}

/** A line on standard error, or nothing when that is no terminal. */
export function createProgressLine(lively: boolean = isLively()): ProgressLine {
  let drawnAtMs = Number.NEGATIVE_INFINITY;
  return {
    show(text) {
      const nowMs = performance.now();
      if (!lively || nowMs - drawnAtMs < REDRAW_MS) return;
      drawnAtMs = nowMs;
      drawLiveLine(text);
    },
    [Symbol.dispose]: eraseLiveLine,
  };
}

/** `[######------] 50%` of a share between 0 and 1. */
export function formatBar(share: number): string {
  const bounded = Math.min(1, Math.max(0, Number.isFinite(share) ? share : 0));
  const filled = Math.round(bounded * BAR_WIDTH);
  const percent = String(Math.floor(bounded * 100)).padStart(3);
  return `[${"#".repeat(filled)}${"-".repeat(BAR_WIDTH - filled)}] ${percent}%`;
}
