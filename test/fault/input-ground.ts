// The ground for bad input: one protected cluster with a backup, and the proof that a command which must refuse did so
// properly: the right exit status and code, in text and in JSON, a hint of what to do next, and nothing changed.
import { expect } from "vitest";
import type { CommandResult } from "../harness/command.ts";
import { type ProtectedSite, protectCluster } from "../harness/protected.ts";
import { snapshotTree } from "../harness/tree.ts";
import { waitForArchived } from "../harness/wal.ts";
import type { RunOptions, Workspace } from "../harness/workspace.ts";

/** How a refusal must look. */
export interface Refusal {
  readonly exit: number;
  readonly code: string;
  /** Said in the message, such as the name of what is wrong. */
  readonly message?: string | RegExp;
  /** Said in the hint, such as what to type next. */
  readonly hint: string | RegExp;
}

interface ErrorJson {
  readonly error: {
    readonly code: string;
    readonly exitCode: number;
    readonly message: string;
    readonly hint?: string;
  };
}

/** Production with one backup, and everything of it archived. */
export async function layBackedUpSite(major: number): Promise<ProtectedSite & { label: string }> {
  const site = await protectCluster({ major });
  try {
    const label = await site.backUp();
    await waitForArchived(site.production);
    return { ...site, label, [Symbol.asyncDispose]: () => site[Symbol.asyncDispose]() };
  } catch (error) {
    await site[Symbol.asyncDispose]();
    throw error;
  }
}

/** Runs a command that must be refused, once for people and once for scripts, and checks both answers. */
export async function expectRefused(
  workspace: Workspace,
  parameters: readonly string[],
  refusal: Refusal,
  options: RunOptions = {},
): Promise<void> {
  const text = await workspace.run(parameters, options);
  expectTextRefusal(text, refusal);
  const json = await workspace.run([...parameters, "--output=json"], options);
  expectJsonRefusal(json, refusal);
}

/** The error for people: `error: message [CODE]` on standard error, at its end a hint, and nothing on standard output. */
export function expectTextRefusal(result: CommandResult, refusal: Refusal): void {
  const { exit, code, message = "", hint } = refusal;
  expect([result.exitCode, result.stdout], said(result)).toEqual([exit, ""]);
  const [, text, found] = /^error: (.*) \[([A-Z_]+)\]$/m.exec(result.stderr) ?? [];
  expect(found, said(result)).toBe(code);
  expect(text).toMatch(message);
  const lines = result.stderr.trimEnd().split("\n");
  expect(lines.at(-1), said(result)).toMatch(/^hint: ./);
  expect(lines.at(-1)).toMatch(hint);
}

function expectJsonRefusal(result: CommandResult, refusal: Refusal): void {
  const { exit, code, message = "", hint } = refusal;
  expect([result.exitCode, result.stdout], said(result)).toEqual([exit, ""]);
  // Warnings may stand before it.
  const { error } = JSON.parse(result.stderr.slice(result.stderr.search(/^\{/m))) as ErrorJson;
  expect([error.code, error.exitCode]).toEqual([code, exit]);
  expect(error.message).toMatch(message);
  expect(error.hint).toMatch(hint);
}

/** Runs `body` and expects the repository and everything else that is named to be as before. */
export async function expectUnchanged(
  directories: readonly string[],
  body: () => Promise<void>,
): Promise<void> {
  const look = (): Promise<readonly (readonly string[])[]> =>
    Promise.all(directories.map(snapshotTree));
  const before = await look();
  await body();
  expect(await look()).toEqual(before);
}

function said({ command, stdout, stderr }: CommandResult): string {
  return `${command}\n${stdout}\n${stderr}`;
}
