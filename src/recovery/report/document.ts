// A report between its facts and its looks: blocks of plain text, which markdown.ts and html.ts render. Texts are data,
// never markup; the renderers escape them.

/** `good` and `bad` are verdicts; `open` is neither yet. */
export type Tone = "good" | "bad" | "open";

/** The head of a table's column. */
export interface Column {
  readonly text: string;
  readonly align: "left" | "right";
}

/** A task with its check box. */
export interface Task {
  readonly text: string;
  readonly isDone: boolean;
  /** When it was done or is due, by whom; "" for nothing. */
  readonly note: string;
}

/** A part of a report; what each looks like is the renderers' business. */
export type Block =
  | { readonly kind: "heading"; readonly text: string }
  | { readonly kind: "subheading"; readonly text: string }
  | { readonly kind: "paragraph"; readonly text: string }
  | {
      readonly kind: "verdict";
      readonly tone: Tone;
      readonly text: string;
      readonly detail: string;
    }
  | { readonly kind: "facts"; readonly rows: readonly (readonly [label: string, value: string])[] }
  | {
      readonly kind: "table";
      readonly columns: readonly Column[];
      readonly rows: readonly (readonly string[])[];
    }
  | { readonly kind: "list"; readonly items: readonly string[] }
  | { readonly kind: "tasks"; readonly items: readonly Task[] }
  /** Durations as bars; the widest stretch sets the scale. */
  | {
      readonly kind: "durations";
      readonly rows: readonly { readonly label: string; readonly seconds: number | undefined }[];
      readonly total: { readonly label: string; readonly seconds: number | undefined };
    }
  | { readonly kind: "log"; readonly lines: readonly string[] };

/** A whole report. */
export interface ReportDocument {
  readonly title: string;
  /** What the report is about, below its title. */
  readonly subtitle: string;
  readonly blocks: readonly Block[];
  /** Who made it, when. */
  readonly footer: string;
}

/** What every report says where a number is missing. */
export const NOT_MEASURED = "not measured";
