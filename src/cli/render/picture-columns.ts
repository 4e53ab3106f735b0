// Columns of a picture over time: amounts as bars, single events as letters.

const WIDTH = 60;
const BLOCKS = " ▁▂▃▄▅▆▇█";
const LETTERS = " .:-=+*#@";

/** The time that a picture shows; both ends belong to it. */
export interface Span {
  readonly begin: Temporal.Instant;
  readonly end: Temporal.Instant;
}

/** Bars, and what the highest one stands for. */
export interface Bars {
  readonly bars: string;
  readonly highest: number;
}

/** Places instants in columns. */
export class PictureColumns {
  readonly span: Span;
  readonly #ticks: string;
  /** Microseconds of one column. */
  readonly #width: number;

  /** @returns undefined for no span. */
  static of(span: Span | undefined, isPlain: boolean): PictureColumns | undefined {
    return span && new PictureColumns(span, isPlain);
  }

  private constructor(span: Span, isPlain: boolean) {
    this.span = span;
    this.#ticks = isPlain ? LETTERS : BLOCKS;
    this.#width = Math.max(1, microseconds(span.begin, span.end)) / WIDTH;
  }

  /** Each amount is shared out evenly over its time; what lies outside of the span is left out. */
  amounts(stretches: readonly (Span & { readonly amount: number })[]): Bars {
    const columns = Array.from({ length: WIDTH }, () => 0);
    for (const { begin, end, amount } of stretches) {
      if (!this.#overlaps(begin, end)) continue;
      const [from, to] = [this.#place(begin), this.#place(end)];
      for (let column = columnAt(from); column <= columnAt(to); column += 1) {
        const share = Math.min(to, column + 1) - Math.max(from, column);
        columns[column]! += to > from ? (amount * share) / (to - from) : amount;
      }
    }
    const highest = Math.max(...columns);
    return { bars: columns.map((value) => this.#tick(value, highest)).join(""), highest };
  }

  /** Of several in one column the last is shown. */
  signs(marks: readonly { readonly at: Temporal.Instant; readonly sign: string }[]): string {
    const line = Array.from({ length: WIDTH }, () => " ");
    for (const { at, sign } of marks) {
      if (this.#overlaps(at, at)) line[columnAt(this.#place(at))] = sign;
    }
    return line.join("");
  }

  #overlaps(begin: Temporal.Instant, end: Temporal.Instant): boolean {
    return (
      Temporal.Instant.compare(begin, this.span.end) <= 0 &&
      Temporal.Instant.compare(end, this.span.begin) >= 0
    );
  }

  /** In columns from the left edge. */
  #place(instant: Temporal.Instant): number {
    return microseconds(this.span.begin, instant) / this.#width;
  }

  #tick(value: number, highest: number): string {
    if (value === 0) return " ";
    const last = this.#ticks.length - 1;
    return this.#ticks[Math.max(1, Math.round((value / highest) * last))] ?? " ";
  }
}

/** The end of the span belongs to the last column; what lies outside to the nearest. */
function columnAt(place: number): number {
  return Math.min(WIDTH - 1, Math.max(0, Math.floor(place)));
}

function microseconds(begin: Temporal.Instant, end: Temporal.Instant): number {
  return Number((end.epochNanoseconds - begin.epochNanoseconds) / 1000n);
}
