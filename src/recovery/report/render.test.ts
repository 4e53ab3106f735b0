import fc from "fast-check";
import { expect, test } from "vitest";
import type { Block, ReportDocument } from "./document.ts";
import { escapeHtml, renderHtml } from "./html.ts";
import { escapeMarkdown, renderMarkdown } from "./markdown.ts";

function documentOf(...blocks: readonly Block[]): ReportDocument {
  return { title: "Title", subtitle: "about", blocks, footer: "made today" };
}

const HOSTILE = `<script>alert("x")</script> & 'y' | *z* [a](b) \`c\` # d`;

const EVERY_BLOCK: readonly Block[] = [
  { kind: "heading", text: HOSTILE },
  { kind: "subheading", text: HOSTILE },
  { kind: "paragraph", text: HOSTILE },
  { kind: "verdict", tone: "bad", text: HOSTILE, detail: HOSTILE },
  { kind: "facts", rows: [[HOSTILE, HOSTILE]] },
  { kind: "table", columns: [{ text: HOSTILE, align: "right" }], rows: [[HOSTILE]] },
  { kind: "list", items: [HOSTILE] },
  { kind: "tasks", items: [{ text: HOSTILE, isDone: false, note: HOSTILE }] },
  {
    kind: "durations",
    rows: [{ label: HOSTILE, seconds: 1 }],
    total: { label: HOSTILE, seconds: 1 },
  },
  { kind: "log", lines: [HOSTILE, "``` no end", "```` nor here"] },
];

test("no text of any block becomes markup in HTML", () => {
  const html = renderHtml({ ...documentOf(...EVERY_BLOCK), title: HOSTILE, footer: HOSTILE });
  expect(html).not.toContain("<script");
  expect(html.match(/&lt;script&gt;/g)?.length).toBeGreaterThan(14);
  expect(html).toContain("default-src 'none'");
  expect(html).not.toMatch(/https?:/);
});

test("escaping HTML leaves no special character, whatever the text", () => {
  expect(escapeHtml(`<a href="x">'&'</a>`)).toBe(
    "&lt;a href=&quot;x&quot;&gt;&#39;&amp;&#39;&lt;/a&gt;",
  );
  fc.assert(
    fc.property(fc.string(), (text) => {
      const escaped = escapeHtml(text);
      return !/[<>"']/.test(escaped) && !/&(?!(?:amp|lt|gt|quot|#39);)/.test(escaped);
    }),
  );
});

test("a cell of a Markdown table stays one cell on one line", () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      const escaped = escapeMarkdown(text);
      return !/[\r\n]/.test(escaped) && !/(?<!\\)(?:\\\\)*[|<`]/.test(escaped);
    }),
  );
  expect(escapeMarkdown("before_disaster")).toBe("before_disaster");
  expect(escapeMarkdown("_emphasis_ and 2 * 3")).toBe("\\_emphasis\\_ and 2 \\* 3");
  expect(escapeMarkdown("- no list")).toBe("\\- no list");
  expect(escapeMarkdown("1. no list")).toBe("1\\. no list");
});

test("Markdown renders each block in its form", () => {
  const markdown = renderMarkdown(
    documentOf(
      { kind: "heading", text: "Part" },
      { kind: "verdict", tone: "good", text: "Met", detail: "in time" },
      {
        kind: "table",
        columns: [
          { text: "Table", align: "left" },
          { text: "Rows", align: "right" },
        ],
        rows: [["orders", "60,104"]],
      },
      {
        kind: "tasks",
        items: [
          { text: "done", isDone: true, note: "today" },
          { text: "open", isDone: false, note: "" },
        ],
      },
      {
        kind: "durations",
        rows: [
          { label: "long", seconds: 10 },
          { label: "short", seconds: 0.1 },
          { label: "unknown", seconds: undefined },
        ],
        total: { label: "Total", seconds: 10.1 },
      },
      { kind: "log", lines: ["a ``` b"] },
    ),
  );
  expect(markdown).toBe(`# Title

about

## Part

> **✔ Met**\\
> in time

| Table | Rows |
| --- | ---: |
| orders | 60,104 |

- [x] done — today
- [ ] open

| Phase | Duration |  |
| --- | ---: | --- |
| long | 10.0 s | ████████████████████████ |
| short | 0.10 s | █ |
| unknown | not measured |  |
| Total | 10.1 s |  |

\`\`\`\`text
a \`\`\` b
\`\`\`\`

---

made today
`);
});

test("HTML shows done and open tasks, and a bar for each measured phase", () => {
  const html = renderHtml(
    documentOf(
      {
        kind: "tasks",
        items: [
          { text: "one", isDone: true, note: "" },
          { text: "two", isDone: false, note: "" },
        ],
      },
      {
        kind: "durations",
        rows: [
          { label: "a", seconds: 5 },
          { label: "b", seconds: 20 },
          { label: "c", seconds: undefined },
        ],
        total: { label: "Total", seconds: 25 },
      },
    ),
  );
  expect(html.match(/aria-label="(done|open)"/g)).toEqual([
    'aria-label="done"',
    'aria-label="open"',
  ]);
  expect(html.match(/width:[\d.]+%/g)).toEqual(["width:25.0%", "width:100.0%"]);
});
