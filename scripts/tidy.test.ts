// Keeps the whole checkout tidy, and proves that each rule finds what it is there to find.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { inspect, readCheckout } from "./tidy.ts";
import { anchors } from "./tidy-docs.ts";
import type { SourceFile } from "./tidy-rule.ts";

const ROOT = join(import.meta.dirname, "..");

test("the checkout is tidy", () => {
  const files = readCheckout(ROOT);
  expect(files.length).toBeGreaterThan(50);
  expect(inspect(files)).toEqual([]);
});

test("no address of a registry is in the lock file", async () => {
  const text = await readFile(join(ROOT, "package-lock.json"), "utf8");
  expect(text).not.toMatch(/"resolved"/);
});

const entry: SourceFile = { path: "src/cli/entry.ts", text: 'import "../wal/page.ts";\n' };
/** What is said about one file, in a checkout where only that may be wrong. */
const findings = (path: string, text: string): readonly string[] =>
  inspect([entry, { path: "src/wal/page.ts", text: "const page = 1;\n" }, { path, text }]);
const source = "src/wal/page.ts";
const about = (text: string): readonly string[] => inspect([entry, { path: source, text }]);

describe("rules", () => {
  test("a clean source passes", () => {
    expect(about("/** A page. */\nexport const page = 1;\n")).toEqual([]);
  });

  test("a long line of code is found, a long text in it is not", () => {
    const sum = `const x = ${"1 + ".repeat(40)}1;`;
    expect(about(`${sum}\n`)).toEqual([`${source}:1: ${sum.length} characters, at most 125`]);
    expect(about(`const x = "${"a".repeat(130)}";\n`)).toEqual([]);
  });

  test("several functions need a head", () => {
    const functions = "function one() {}\nfunction two() {}\n";
    expect(about(functions)).toEqual([`${source}:1: no comment at its head says what it is for`]);
    expect(about(`// Two functions.\n${functions}`)).toEqual([]);
  });

  test.each([
    [`// see ${"/wor"}${"k/main/x"}`, "names a path of somebody's machine"],
    [`// ${"TO"}${"DO"}`, "names a thing to do without what and why"],
    [`// ${"FIX"}${"ME"} later`, "names an unfinished thought"],
  ])("%s is found", (line, message) => {
    expect(about(`${line}\n`)).toEqual([`${source}:1: ${message}`]);
  });

  test("an export without doc comment is found, the members of a list are not", () => {
    expect(about("export function read(): void {}\n")).toEqual([
      `${source}:1: export read has no doc comment`,
    ]);
    const list = "/** Kinds. */\nexport const KINDS = [1] as const;\n";
    expect(about(`${list}export type Kind = (typeof KINDS)[number];\n`)).toEqual([]);
  });

  test("a barrel is found", () => {
    expect(about('export { a } from "./a.ts";\nexport * from "./b.ts";\n')).toEqual([
      `${source}:1: only passes on what others export`,
    ]);
  });

  test("a file that nobody or only a test uses is found", () => {
    const lonely = { path: "src/wal/lonely.ts", text: "const x = 1;\n" };
    const check = { path: "src/wal/lonely.test.ts", text: 'import "./lonely.ts"; expect(1);\n' };
    expect(inspect([entry, lonely, check])).toContain(
      "src/wal/lonely.ts:1: is used by no other source",
    );
    const user = { path: "src/cli/entry.ts", text: 'import("../wal/lonely.ts");\n' };
    expect(inspect([user, lonely])).toEqual([]);
  });

  test("a test that asserts nothing is found", () => {
    expect(findings("src/wal/page.test.ts", 'test("x", () => {});\n')).toEqual([
      "src/wal/page.test.ts:1: is a test that asserts nothing",
    ]);
  });

  test("a name that is not kebab-case is found", () => {
    expect(findings("scripts/myScript.ts", "const x = 1;\n")).toEqual([
      "scripts/myScript.ts:1: is not named in kebab-case",
    ]);
  });

  test("a document has one title, and its links lead somewhere", () => {
    expect(
      findings("docs/a.md", "# A\n\n[b](b.md) [self](#a) [web](https://example.org)\n"),
    ).toEqual(["docs/a.md:3: the link to b.md leads nowhere"]);
    expect(findings("docs/a.md", "# A\n# B\n[x](#c)\n")).toEqual([
      "docs/a.md:1: 2 titles, should be one",
      "docs/a.md:3: the link to #c leads nowhere",
    ]);
    expect(findings("docs/a.md", "# A\n```\n# no title\n[x](y)\n```\n")).toEqual([]);
  });

  test("anchors are made as readers make them", () => {
    expect(anchors("# A\n## What `x` is, and why\n")).toEqual(["a", "what-x-is-and-why"]);
  });
});
