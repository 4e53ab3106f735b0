// Rules for program text. They read lines, not syntax trees, and rely on the formatter for where things stand.
import { posix } from "node:path";
import { type Finding, findLines, type Rule, type SourceFile } from "./tidy-rule.ts";

/** The formatter breaks code at 100; comments are wrapped by hand, at 120 or so. */
const LINE_LENGTH_MAX = 125;
/** A text, a pattern or an address of this length cannot be broken into two lines for good. */
const LONG_TEXT = /(["'`]).{60,}\1|\/.{60,}\/|https?:\/\//;

/** Files that nobody imports because something else starts them. */
const ENTRIES = new Set(["src/index.ts", "src/cli/entry.ts"]);

const isCode = (path: string): boolean => /\.(?:ts|js|cjs)$|^bin\//.test(path);
const isTest = (path: string): boolean => path.endsWith(".test.ts");
/** What tests share beside the code: suites that several run, and samples. */
const isTestSupport = (path: string): boolean =>
  /\.(?:conformance|fixture|test-worker)\.ts$/.test(path);
const isSource = (path: string): boolean => /^src\/.*\.ts$/.test(path) && !isTest(path);

const lineLength: Rule = (file) => {
  if (!isCode(file.path)) return [];
  return findLines(file, (line) =>
    line.length > LINE_LENGTH_MAX && !LONG_TEXT.test(line)
      ? `${line.length} characters, at most ${LINE_LENGTH_MAX}`
      : undefined,
  );
};

/** A file with more than one function opens by saying what it is for. */
const header: Rule = (file) => {
  if (!isSource(file.path)) return [];
  const functions = file.text.match(/^(?:export )?(?:async )?function\b/gm) ?? [];
  if (functions.length < 2 || /^(?:#!.*\n)?(?:\/\/|\/\*)/.test(file.text)) return [];
  return [whole(file, "no comment at its head says what it is for")];
};

/** Marks of a machine, of a registry and of how something came to be, put together here so as not to find themselves. */
const BANNED: readonly [RegExp, string][] = [
  [new RegExp(["", "work", "(main|shared|build)"].join("/")), "a path of somebody's machine"],
  [new RegExp(["", "(root|home)", "[a-z.]"].join("/")), "a path of somebody's machine"],
  [
    new RegExp(`\\b${["c", "laude"].join("")}\\b|\\b${["anth", "ropic"].join("")}\\b`, "i"),
    "how it was written",
  ],
  [new RegExp(`\\bsub-?${"agents?"}\\b|\\bas an ${"AI"}\\b`, "i"), "how it was written"],
  [
    new RegExp(`\\b(${["FIX", "ME"].join("")}|${["X", "XX"].join("")})\\b(?!X)`),
    "an unfinished thought",
  ],
  [
    new RegExp(`\\b${["TO", "DO"].join("")}\\b(?!: \\S+ \\S+ \\S+)`),
    "a thing to do without what and why",
  ],
];

const bannedWords: Rule = (file) =>
  findLines(file, (line) => {
    const found = BANNED.find(([pattern]) => pattern.test(line));
    return found && `names ${found[1]}`;
  });

const EXPORT =
  /^export (?:declare )?(?:abstract )?(?:async )?(?:function\*?|class|const|let|interface|type|enum) (\w+)/;
/** The type of the members of a list says nothing that the list above it does not say. */
const MEMBERS = /^export type \w+ = \(typeof \w+\)\[number\];$/;

/** Every export has a doc comment; of overloads the first. */
const docComments: Rule = (file) => {
  if (!isSource(file.path) || isTestSupport(file.path)) return [];
  const seen = new Set<string>();
  return findLines(file, (line, index, lines) => {
    const name = EXPORT.exec(line)?.[1];
    if (name === undefined || seen.has(name) || MEMBERS.test(line)) return undefined;
    seen.add(name);
    const before = lines.slice(0, index).findLast((earlier) => !earlier.startsWith("// oxlint-"));
    return before?.trimEnd().endsWith("*/") ? undefined : `export ${name} has no doc comment`;
  });
};

/** A file that only passes on what others export. The library's public face is one on purpose. */
const barrels: Rule = (file) => {
  if (!isSource(file.path) || ENTRIES.has(file.path)) return [];
  const code = file.text.replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, "").trim();
  const rest = code.replace(/export (?:type )?(?:\*|\{[^}]*\})(?: as \w+)? from "[^"]+";/g, "");
  return code !== "" && rest.trim() === ""
    ? [whole(file, "only passes on what others export")]
    : [];
};

/** A source that no other source uses is dead; tests alone do not keep it alive, but for fakes of a store. */
const deadFiles: Rule = (file, files) => {
  if (!isSource(file.path) || ENTRIES.has(file.path)) return [];
  const forTests = file.path.startsWith("src/storage/") || isTestSupport(file.path);
  const users = files.filter(
    (other) => other !== file && isCode(other.path) && (forTests || !isTest(other.path)),
  );
  if (users.some((other) => uses(other, file.path))) return [];
  return [whole(file, "is used by no other source")];
};

/** Whether a file names another one in an import, or as the address of a worker. */
function uses(file: SourceFile, path: string): boolean {
  if (!file.text.includes(posix.basename(path, ".ts"))) return false;
  const names = file.text.matchAll(/["'](\.{1,2}\/[^"']+?)(?:\.[jt]s)?["']/g);
  const directory = posix.dirname(file.path);
  return [...names].some(([, name]) => posix.join(directory, `${name}.ts`) === path);
}

/** By file: lint's own rule looks into each test, and takes one that asserts by a function of its own for idle. */
const assertions: Rule = (file) => {
  if (!isTest(file.path)) return [];
  const asserts = /\bexpect\w*\(|\bfc\.assert\(|\bassert\w*\(|[cC]onformance\(/;
  return asserts.test(file.text) ? [] : [whole(file, "is a test that asserts nothing")];
};

const fileNames: Rule = (file) => {
  if (!/^(?:src|test|scripts)\//.test(file.path)) return [];
  const name = posix
    .basename(file.path)
    .replace(/(?:\.(?:test|conformance|fixture|test-worker|d))?\.\w+$/, "");
  return /^[a-z0-9]+(?:-[a-z0-9]+)*$/.test(name) ? [] : [whole(file, "is not named in kebab-case")];
};

function whole(file: SourceFile, message: string): Finding {
  return { path: file.path, line: 1, message };
}

/** All rules for program text. */
export const codeRules: readonly Rule[] = [
  lineLength,
  header,
  bannedWords,
  docComments,
  barrels,
  deadFiles,
  assertions,
  fileNames,
];
