// Writes docs/configuration.md and docs/errors.md from the option table and the failure table, so that they cannot
// disagree with the program. `--check` writes nothing and fails when a file is not what it would write.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { environmentName } from "../src/config/environment.ts";
import type { OptionDefinition } from "../src/config/option.ts";
import { OPTION_AREAS, type OptionArea, writtenName } from "../src/config/options.ts";
import { EXIT_MEANINGS } from "../src/cli/exit-status.ts";
import { FAILURES } from "../src/model/failure.ts";

const DOCS = join(import.meta.dirname, "..", "docs");

/** The generated files by name. */
export function generatedDocs(): ReadonlyMap<string, string> {
  return new Map([
    ["configuration.md", configurationPage()],
    ["errors.md", errorsPage()],
  ]);
}

/** Names of generated files whose content is not what the tables say. */
export function staleDocs(): readonly string[] {
  return [...generatedDocs()]
    .filter(([name, text]) => readDoc(name) !== text)
    .map(([name]) => name);
}

function readDoc(name: string): string | undefined {
  try {
    return readFileSync(join(DOCS, name), "utf8");
  } catch {
    return undefined;
  }
}

function configurationPage(): string {
  const intro = `# Configuration

Written by \`scripts/generate-docs.ts\` from the option table in \`src/config/options/\`. Do not edit.

Options come from the command line (\`--process-max=4\`), the environment (\`${environmentName("process-max")}=4\`) and the
configuration file. The first that has an option decides:

1. the command line
2. the environment
3. \`[main:backup]\`: the stanza and the command
4. \`[main]\`: the stanza
5. \`[global:backup]\`: the command
6. \`[global]\`
7. the default

The file is the one that \`--config\` names, else \`HINDSIGHT_CONFIG\`, \`./hindsight.conf\`, \`/etc/hindsight/hindsight.conf\`.
It has pgBackRest's form: \`key=value\`, comments on lines of their own that begin with \`#\`, repeated keys for lists and
maps. Values are taken literally, also \`#\`, \`;\` and quotes. A file that holds a secret must not be readable by everyone.

Sizes are bytes or have a unit (\`128MiB\`, \`1GB\`; powers of 1024). Times are seconds or have a unit (\`250ms\`, \`30m\`,
\`1d\`). Switches are \`y\` or \`n\`. Options of a repository or a host carry its number: \`repo1-path\`, \`repo2-path\`.

Some rows say "no effect yet": such options are accepted, because pgBackRest's files have them, and named in one warning.
"refused" means that ignoring the option would be dangerous, so it is an error.

\`\`\`ini
[global]
repo1-path=/var/lib/hindsight/repository
log-level-console=info
start-fast=y
process-max=4

[main]
pg1-path=/var/lib/postgresql/18/main
pg1-port=5432
\`\`\`
`;
  return [intro, ...OPTION_AREAS.map(areaSection)].join("\n");
}

function areaSection({ title, rows }: OptionArea): string {
  const lines = Object.entries(rows).map(
    ([name, row]) =>
      `| \`${writtenName(name, 1)}\` | ${valueColumn(row)} | ${code(row.default)} | ${cell(meaning(row))} |`,
  );
  return [
    `## ${title}`,
    "",
    "| option | value | default | meaning |",
    "| --- | --- | --- | --- |",
    ...lines,
    "",
  ].join("\n");
}

function valueColumn(row: OptionDefinition): string {
  if (row.values) return row.values.map((value) => code(value)).join(", ");
  if (row.type === "integer" && row.min !== undefined && row.max !== undefined) {
    return `integer ${row.min} to ${row.max}`;
  }
  return (
    { boolean: "`y`, `n`", map: "`key=value`, repeatable", list: "repeatable" }[
      row.type as string
    ] ?? row.type
  );
}

function meaning(row: OptionDefinition): string {
  const parts = [row.summary];
  if (row.type === "secret") parts.push("never on the command line");
  if (row.commandLineOnly) parts.push("not in the file");
  if (row.commands) parts.push(`for ${row.commands.join(", ")}`);
  if (row.effect === "none") parts.push("**no effect yet**");
  if (row.effect === "refused") parts.push("**refused**");
  return parts.join("; ");
}

function errorsPage(): string {
  const codes = Object.entries(FAILURES).toSorted(
    ([left, a], [right, b]) => a.exit - b.exit || (left < right ? -1 : 1),
  );
  const statuses = Object.entries(EXIT_MEANINGS).map(
    ([status, means]) => `| ${status} | ${cell(means)} |`,
  );
  const lines = codes.map(
    ([name, { exit, means }]) => `| \`${name}\` | ${exit} | ${cell(means)} |`,
  );
  return `# Errors and exit statuses

Written by \`scripts/generate-docs.ts\` from the failure table in \`src/model/failure.ts\`. Do not edit.

An error is printed on standard error as its message with its code, the facts, and a hint that says what to do next; with
\`--output=json\` as one JSON object \`{"error": {"code", "exitCode", "message", "hint", "context"}}\`. Codes and statuses do
not change between releases.

\`archive-push\` and \`archive-get\` end otherwise, because PostgreSQL reads their status as an order: see
[cli.md](cli.md#called-by-postgresql).

| status | meaning |
| --- | --- |
${statuses.join("\n")}

| code | status | meaning |
| --- | --- | --- |
${lines.join("\n")}
`;
}

function code(text: string | undefined): string {
  return text === undefined ? "" : `\`${text}\``;
}

/** A bar inside a cell would end it. */
function cell(text: string): string {
  return text.replaceAll("|", "\\|");
}

function main(): void {
  if (process.argv.includes("--check")) {
    const stale = staleDocs();
    if (stale.length === 0) return;
    process.stderr.write(
      `not up to date: ${stale.join(", ")}; run node scripts/generate-docs.ts\n`,
    );
    process.exitCode = 1;
    return;
  }
  for (const [name, text] of generatedDocs()) writeFileSync(join(DOCS, name), text);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) main();
