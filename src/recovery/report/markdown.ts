// Reports as Markdown: readable as it is, rendered alike by GitHub, GitLab and pandoc.
import type { Block, Column, ReportDocument, Tone } from "./document.ts";
import { formatSeconds } from "./units.ts";

const TONES: Readonly<Record<Tone, string>> = { good: "✔", bad: "✘", open: "●" };
/** Width of the longest bar. */
const BAR_LENGTH = 24;

/** Renders the whole report, ending in a line feed. */
export function renderMarkdown(document: ReportDocument): string {
  const parts = [
    `# ${escapeMarkdown(document.title)}`,
    escapeMarkdown(document.subtitle),
    ...document.blocks.map(renderBlock),
    "---",
    escapeMarkdown(document.footer),
  ];
  return `${parts.filter((part) => part !== "").join("\n\n")}\n`;
}

function renderBlock(block: Block): string {
  switch (block.kind) {
    case "heading":
      return `## ${escapeMarkdown(block.text)}`;
    case "subheading":
      return `### ${escapeMarkdown(block.text)}`;
    case "paragraph":
      return escapeMarkdown(block.text);
    case "verdict":
      return `> **${TONES[block.tone]} ${escapeMarkdown(block.text)}**\\\n> ${escapeMarkdown(block.detail)}`;
    case "facts":
      return table(
        [
          { text: "", align: "left" },
          { text: "", align: "left" },
        ],
        block.rows,
      );
    case "table":
      return table(block.columns, block.rows);
    case "list":
      return block.items.map((item) => `- ${escapeMarkdown(item)}`).join("\n");
    case "tasks":
      return block.items
        .map(({ text, isDone, note }) => {
          const addition = note === "" ? "" : ` — ${escapeMarkdown(note)}`;
          return `- [${isDone ? "x" : " "}] ${escapeMarkdown(text)}${addition}`;
        })
        .join("\n");
    case "durations":
      return durations(block);
    case "log":
      return fenced(block.lines);
  }
}

function durations({ rows, total }: Extract<Block, { readonly kind: "durations" }>): string {
  const longest = Math.max(...rows.map((row) => row.seconds ?? 0));
  const bar = (seconds: number | undefined): string =>
    seconds === undefined || longest === 0
      ? ""
      : "█".repeat(Math.max(1, Math.round((seconds / longest) * BAR_LENGTH)));
  return table(
    [
      { text: "Phase", align: "left" },
      { text: "Duration", align: "right" },
      { text: "", align: "left" },
    ],
    [
      ...rows.map((row) => [row.label, formatSeconds(row.seconds), bar(row.seconds)]),
      [total.label, formatSeconds(total.seconds), ""],
    ],
  );
}

function table(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return [
    line(columns.map((column) => escapeMarkdown(column.text))),
    line(columns.map((column) => (column.align === "right" ? "---:" : "---"))),
    ...rows.map((row) => line(row.map(escapeMarkdown))),
  ].join("\n");
}

/** A fence longer than any run of backticks inside. */
function fenced(lines: readonly string[]): string {
  const text = lines.join("\n");
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map((run) => run[0].length));
  const fence = "`".repeat(longest + 1);
  return `${fence}text\n${text}\n${fence}`;
}

/** Text that Markdown shows as it is, on one line. */
export function escapeMarkdown(text: string): string {
  return text
    .replace(/\s*[\r\n]+\s*/g, " ")
    .replace(/[\\`*[\]<>|#~]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])/g, (char) => `\\${char}`)
    .replace(/^([-+])(?=\s|$)/, "\\$1")
    .replace(/^(\d+)([.)])(?=\s|$)/, "$1\\$2");
}
