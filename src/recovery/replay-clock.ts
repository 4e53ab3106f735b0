// The replay clock: where in WAL and in time a recovery is, how much is left, and when it will be there. Positions come
// from a connection once hot standby is up, and before that from the log: the segment that was fetched last, and the
// progress lines of 15 and later. The forecast follows the speed of the last half minute, so that a slow archive or a
// heavy stretch of WAL shows soon.
import { type Lsn, maxLsn } from "../model/lsn.ts";

/** Where replay is to begin and end. */
export interface ReplayStretch {
  /** Where redo begins: the backup's start. */
  readonly beginLsn: Lsn;
  /** Where it will end; undefined when that is not known. */
  readonly endLsn: Lsn | undefined;
}

/** What the clock shows. */
export interface ReplayReading {
  /** WAL is replayed at least up to here. */
  readonly lsn: Lsn;
  /** When the last replayed transaction had ended, on the primary. */
  readonly time: Temporal.Instant | undefined;
  readonly replayedBytes: number;
  /** Undefined when the end is not known. */
  readonly totalBytes: number | undefined;
  /** 0 to 1. */
  readonly fraction: number | undefined;
  readonly bytesPerSecond: number | undefined;
  readonly remainingSeconds: number | undefined;
}

interface Sample {
  readonly atMs: number;
  readonly replayedBytes: number;
}

/** How far back the speed looks. */
const SPEED_WINDOW_MS = 30_000;
/** A speed measured over less than this says nothing. */
const SPEED_SPAN_MIN_MS = 500;

/** Collects positions and reads speed and forecast from them. */
export class ReplayClock {
  readonly #stretch: ReplayStretch;
  #samples: readonly Sample[] = [];
  #lsn: Lsn;
  #time: Temporal.Instant | undefined;

  constructor(stretch: ReplayStretch) {
    this.#stretch = stretch;
    this.#lsn = stretch.beginLsn;
  }

  /**
   * Takes note of a position. One before an earlier one, as the log's may be after a connection's, changes nothing.
   *
   * @param atMs the monotonic clock.
   * @returns whether replay has moved.
   */
  observe(
    atMs: number,
    position: { readonly lsn: Lsn; readonly time?: Temporal.Instant | undefined },
  ): boolean {
    const moved = position.lsn > this.#lsn;
    this.#lsn = maxLsn(this.#lsn, position.lsn);
    this.#time = position.time ?? this.#time;
    const sample = { atMs, replayedBytes: this.#replayedBytes() };
    this.#samples = [...this.#samples.filter((old) => atMs - old.atMs <= SPEED_WINDOW_MS), sample];
    return moved;
  }

  /** The state as of the last position. */
  read(): ReplayReading {
    const { beginLsn, endLsn } = this.#stretch;
    const totalBytes = endLsn === undefined ? undefined : Math.max(0, Number(endLsn - beginLsn));
    const replayedBytes = this.#replayedBytes();
    const bytesPerSecond = this.#speed();
    const leftBytes =
      totalBytes === undefined ? undefined : Math.max(0, totalBytes - replayedBytes);
    return {
      lsn: this.#lsn,
      time: this.#time,
      replayedBytes,
      totalBytes,
      fraction: totalBytes === undefined ? undefined : share(replayedBytes, totalBytes),
      bytesPerSecond,
      remainingSeconds:
        leftBytes === undefined || bytesPerSecond === undefined || bytesPerSecond === 0
          ? undefined
          : leftBytes / bytesPerSecond,
    };
  }

  #replayedBytes(): number {
    return Number(this.#lsn - this.#stretch.beginLsn);
  }

  #speed(): number | undefined {
    const first = this.#samples[0];
    const last = this.#samples.at(-1);
    if (!first || !last || last.atMs - first.atMs < SPEED_SPAN_MIN_MS) return undefined;
    return ((last.replayedBytes - first.replayedBytes) / (last.atMs - first.atMs)) * 1000;
  }
}

function share(part: number, whole: number): number {
  return whole === 0 ? 1 : Math.min(1, part / whole);
}
