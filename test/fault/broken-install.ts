// A copy of the installed command in which something is wrong: no Node, a module missing, a heap that is too small, a
// kill at one step of its work. The launcher is the real one, found by the path that archive_command would name.
import { chmod, mkdir, readdir, readlink, rm, symlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type CommandResult, expectSuccess } from "../harness/command.ts";
import type { RunOptions, Workspace } from "../harness/workspace.ts";

/** An installation of its own; whole until something is taken away. */
export interface Installation {
  /** Its directory. */
  readonly home: string;
  /** Its `bin/hindsight`. */
  readonly command: string;
  readonly archiveCommand: string;
  readonly restoreCommand: string;
  /** Runs its command as the account that servers run as. */
  run(parameters: readonly string[], options?: RunOptions): Promise<CommandResult>;
  /** Puts a shell script in the place of its Node; `$NODE` in it is the real one. */
  replaceNode(script: string): Promise<void>;
  /** Takes its Node away; without one on the path either, there is none. */
  removeNode(): Promise<void>;
  /** Gives it its Node back. */
  repairNode(): Promise<void>;
}

/** Copies the command into a directory of the workspace. */
export async function installCopy(workspace: Workspace, name: string): Promise<Installation> {
  const { command: original, node: realNode } = workspace.runtime;
  const source = dirname(dirname(original));
  const home = await workspace.makeDirectory(name);
  const parts = ["bin", "dist", "package.json"].map((part) => join(source, part));
  expectSuccess(await workspace.runProgram("/bin/cp", ["-r", ...parts, home]));
  await workspace.makeDirectory(`${name}/node_modules`);
  for (const entry of await readdir(join(source, "node_modules"))) {
    if (entry === "node" || entry.startsWith(".")) continue;
    await symlink(join(source, "node_modules", entry), join(home, "node_modules", entry));
  }
  const node = join(home, "node_modules", "node", "bin", "node");
  await mkdir(dirname(node), { recursive: true });
  const command = join(home, "bin", "hindsight");
  const line = `"${command}" --config=${workspace.configFile} --stanza=${workspace.stanza}`;
  const removeNode = (): Promise<void> => rm(node, { force: true });
  const repairNode = async (): Promise<void> => {
    await removeNode();
    await symlink(realNode, node);
  };
  await repairNode();
  return {
    home,
    command,
    archiveCommand: `${line} archive-push "%p"`,
    restoreCommand: `${line} archive-get %f "%p"`,
    run: (parameters, options) => workspace.runProgram(command, parameters, options),
    removeNode,
    repairNode,
    replaceNode: async (script) => {
      await removeNode();
      const path = await workspace.write(
        `${name}/node_modules/node/bin/node`,
        `#!/bin/sh\nNODE="${realNode}"\n${script}\n`,
      );
      await chmod(path, 0o755);
    },
  };
}

/** A directory with the tools that the launcher needs and no Node, to be all of PATH. */
export async function pathWithoutNode(workspace: Workspace): Promise<string> {
  const directory = await workspace.makeDirectory("path", 0o755);
  for (const tool of ["sh", "readlink", "find"]) {
    const found = await readlink(`/usr/bin/${tool}`).catch(() => undefined);
    await symlink(
      found === undefined ? `/usr/bin/${tool}` : join("/usr/bin", found),
      join(directory, tool),
    );
  }
  return directory;
}

/**
 * A module to preload into Node that kills the process by SIGKILL at the step of that number, counted over what is done
 * below `directory`: before and after a file is opened for writing, half-way through and after each write, before and
 * after a file is closed, and before and after a rename.
 */
export function killAtStep(directory: string, step: number): string {
  return `"use strict";
const fs = require("node:fs");
const promises = require("node:fs/promises");
let passed = 0;
function pass() {
  passed += 1;
  if (passed !== ${step}) return;
  process.kill(process.pid, "SIGKILL");
  for (;;);
}
const isOurs = (path) => String(path).startsWith(${JSON.stringify(`${directory}/`)});
const { open, rename } = promises;
promises.open = async (path, flags, mode) => {
  if (!isOurs(path) || (Number(flags) & fs.constants.O_CREAT) === 0) return open(path, flags, mode);
  pass();
  const handle = await open(path, flags, mode);
  pass();
  const { write, close } = handle;
  handle.write = async (bytes, offset, length) => {
    const half = Math.floor(length / 2);
    await write.call(handle, bytes, offset, half);
    pass();
    await write.call(handle, bytes, offset + half, length - half);
    pass();
    return { bytesWritten: length, buffer: bytes };
  };
  handle.close = async () => {
    pass();
    await close.call(handle);
    pass();
  };
  return handle;
};
promises.rename = async (source, target) => {
  if (!isOurs(target)) return rename(source, target);
  pass();
  await rename(source, target);
  pass();
};
require("node:module").syncBuiltinESMExports();
`;
}
