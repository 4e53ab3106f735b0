// Reports as one HTML file: no scripts, nothing loaded from anywhere, fit for a mail, an archive and a printer.
import type { Block, Column, ReportDocument, Task, Tone } from "./document.ts";
import { STYLE } from "./html-style.ts";
import { formatSeconds } from "./units.ts";

const TONES: Readonly<Record<Tone, string>> = { good: "✔", bad: "✘", open: "●" };

/** Renders the whole file. */
export function renderHtml(document: ReportDocument): string {
  const { title, subtitle, blocks, footer } = document;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${escapeHtml(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<header>
<h1>${escapeHtml(title)}</h1>
<p>${escapeHtml(subtitle)}</p>
</header>
${blocks.map(renderBlock).join("\n")}
<footer>${escapeHtml(footer)}</footer>
</main>
</body>
</html>
`;
}

function renderBlock(block: Block): string {
  switch (block.kind) {
    case "heading":
      return `<h2>${escapeHtml(block.text)}</h2>`;
    case "subheading":
      return `<h3>${escapeHtml(block.text)}</h3>`;
    case "paragraph":
      return `<p>${escapeHtml(block.text)}</p>`;
    case "verdict":
      return `<div class="verdict ${block.tone}"><strong>${TONES[block.tone]} ${escapeHtml(block.text)}</strong><span>${escapeHtml(block.detail)}</span></div>`;
    case "facts":
      return facts(block.rows);
    case "table":
      return table(block.columns, block.rows);
    case "list":
      return `<ul>${block.items.map((item) => `<li>${escapeHtml(item)}</li>`).join("")}</ul>`;
    case "tasks":
      return `<ul class="tasks">${block.items.map(task).join("")}</ul>`;
    case "durations":
      return durations(block);
    case "log":
      return `<pre>${escapeHtml(block.lines.join("\n"))}</pre>`;
  }
}

function facts(rows: readonly (readonly [string, string])[]): string {
  const items = rows.map(
    ([label, value]) => `<div><dt>${escapeHtml(label)}</dt><dd>${escapeHtml(value)}</dd></div>`,
  );
  return `<dl>${items.join("")}</dl>`;
}

function table(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const alignment = (at: number): string => (columns[at]?.align === "right" ? ' class="n"' : "");
  const head = columns.map((column, at) => `<th${alignment(at)}>${escapeHtml(column.text)}</th>`);
  const body = rows.map(
    (row) =>
      `<tr>${row.map((cell, at) => `<td${alignment(at)}>${escapeHtml(cell)}</td>`).join("")}</tr>`,
  );
  return `<div class="wide"><table><thead><tr>${head.join("")}</tr></thead><tbody>${body.join("")}</tbody></table></div>`;
}

function task({ text, isDone, note }: Task): string {
  const addition = note === "" ? "" : ` <small>${escapeHtml(note)}</small>`;
  const box = isDone
    ? '<span class="box done" role="img" aria-label="done">✔</span>'
    : '<span class="box" role="img" aria-label="open"></span>';
  return `<li>${box}<span>${escapeHtml(text)}${addition}</span></li>`;
}

function durations({ rows, total }: Extract<Block, { readonly kind: "durations" }>): string {
  const longest = Math.max(...rows.map((row) => row.seconds ?? 0));
  const width = (seconds: number): string =>
    (longest === 0 ? 0 : Math.max(0.5, (seconds / longest) * 100)).toFixed(1);
  const lines = rows.map(({ label, seconds }) => {
    const bar =
      seconds === undefined ? "" : `<span class="bar" style="width:${width(seconds)}%"></span>`;
    return `<tr><th scope="row">${escapeHtml(label)}</th><td class="n">${escapeHtml(formatSeconds(seconds))}</td><td class="track">${bar}</td></tr>`;
  });
  return `<table class="durations"><tbody>${lines.join("")}</tbody><tfoot><tr><th scope="row">${escapeHtml(total.label)}</th><td class="n">${escapeHtml(formatSeconds(total.seconds))}</td><td></td></tr></tfoot></table>`;
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Text for an element's content or a quoted attribute. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (char) => ENTITIES[char] ?? char);
}
