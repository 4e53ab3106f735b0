// Rules for the documents: one title each, and links that lead somewhere.
import { posix } from "node:path";
import { findLines, type Rule, type SourceFile } from "./tidy-rule.ts";

const isDocument = (path: string): boolean => path.endsWith(".md");
/** Notes of changes are pieces of a document to come. */
const isNote = (path: string): boolean => path.startsWith("changelog/unreleased/");

const oneTitle: Rule = (file) => {
  if (!isDocument(file.path) || isNote(file.path)) return [];
  const titles = prose(file.text).match(/^# .+$/gm) ?? [];
  if (titles.length === 1) return [];
  return [{ path: file.path, line: 1, message: `${titles.length} titles, should be one` }];
};

const links: Rule = (file, files) => {
  if (!isDocument(file.path)) return [];
  const masked = { path: file.path, text: prose(file.text) };
  return findLines(masked, (line) => {
    const broken = [...line.matchAll(/\]\(([^)\s]+)\)/g)]
      .map((match) => match[1] ?? "")
      .find((target) => !leadsSomewhere(target, file, files));
    return broken && `the link to ${broken} leads nowhere`;
  });
};

function leadsSomewhere(target: string, file: SourceFile, files: readonly SourceFile[]): boolean {
  if (/^[a-z]+:/.test(target)) return true;
  const [name = "", anchor] = target.split("#");
  const path = name === "" ? file.path : posix.join(posix.dirname(file.path), name);
  const found = files.find((other) => other.path === path);
  if (found === undefined) {
    const folder = path.endsWith("/") ? path : `${path}/`;
    return path === "LICENSE" || files.some((other) => other.path.startsWith(folder));
  }
  return anchor === undefined || anchors(found.text).includes(anchor);
}

/** The anchors of a document's headings, as they are made where documents are read. */
export function anchors(text: string): readonly string[] {
  return [...prose(text).matchAll(/^#+ (.+)$/gm)].map((match) =>
    (match[1] ?? "")
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, "")
      .trim()
      .replace(/\s/g, "-"),
  );
}

/** The text with the insides of fenced code blanked, line for line. */
function prose(text: string): string {
  return text.replace(/^(```|~~~)[\s\S]*?^\1/gm, (block) => block.replace(/[^\n]/g, ""));
}

/** All rules for documents. */
export const docRules: readonly Rule[] = [oneTitle, links];
