// Where the secret of a repository comes from: the option itself, a file, or a command. It is read when it is needed and
// named nowhere: not in a message, not in the log, not in the arguments of a process.
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { constants } from "node:fs";
import { open } from "node:fs/promises";
import type { Readable } from "node:stream";
import type { Context } from "../base/context.ts";
import { errorMessage, HindsightError } from "../base/errors.ts";
import { KIB } from "../base/limits.ts";
import { SecretBytes } from "../base/secret.ts";
import { givenSecret, secretOptions, type SecretPurpose } from "../config/secret-option.ts";
import type { Settings } from "../config/settings.ts";
import { failure } from "../model/failure.ts";
import { KEY_FILE_BYTES } from "../repository/key-slot.ts";
import type { RepositorySecret } from "../repository/root-key.ts";

const PASSPHRASE_MAX_BYTES: number = 4 * KIB;
const COMMAND_TIMEOUT_MS = 60_000;
/** Other users may do nothing with a file that holds a secret. */
const OTHERS_MODE = 0o007;

/**
 * Reads a secret.
 *
 * @param number of the repository.
 * @throws {HindsightError} `KEY_UNAVAILABLE`; `CONFIG_OPTION_MISSING`, `CONFIG_OPTION_INVALID` unless it is given in
 *   exactly one way.
 */
export async function readSecret(
  settings: Settings,
  { purpose, number }: { readonly purpose: SecretPurpose; readonly number: number },
  { signal }: Context,
): Promise<RepositorySecret> {
  const given = givenSecret(settings, purpose, number);
  if (!given) {
    throw failure("CONFIG_OPTION_MISSING", `${settings.command} needs a key`, {
      hint: `Give ${secretOptions(purpose, number)}.`,
    });
  }
  const { option } = given;
  switch (given.way) {
    case "key-file":
      return await readKeyFile(settings.require(`${purpose}-key-file`, number));
    case "pass-file": {
      const path = settings.require(`${purpose}-pass-file`, number);
      return passphrase(await readSecretFile(path, PASSPHRASE_MAX_BYTES), option);
    }
    case "pass-command": {
      const command = settings.require(`${purpose}-pass-command`, number);
      return passphrase(await runSecretCommand({ command, option }, signal), option);
    }
    case "pass":
      return passphrase(Buffer.from(settings.require(`${purpose}-pass`, number).reveal()), option);
  }
}

/** Without the line end that an editor or a command puts behind it. */
function passphrase(bytes: Buffer, option: string): RepositorySecret {
  const lineEnd = bytes.at(-1) === 0x0a ? (bytes.at(-2) === 0x0d ? 2 : 1) : 0;
  const secret = bytes.subarray(0, bytes.length - lineEnd);
  if (secret.length > 0) return { kind: "passphrase", bytes: new SecretBytes(secret) };
  throw failure("KEY_UNAVAILABLE", `${option} gives an empty passphrase`, {
    hint: "An empty passphrase would protect nothing.",
  });
}

async function readKeyFile(path: string): Promise<RepositorySecret> {
  const bytes = await readSecretFile(path, KEY_FILE_BYTES);
  if (bytes.length === KEY_FILE_BYTES) return { kind: "key-file", bytes: new SecretBytes(bytes) };
  throw failure(
    "KEY_UNAVAILABLE",
    `the key file ${path} has ${bytes.length} bytes instead of ${KEY_FILE_BYTES}`,
    {
      hint: "A key file is 32 random bytes, as `hindsight key generate` writes it; a passphrase belongs into repo-cipher-pass-file.",
    },
  );
}

async function readSecretFile(path: string, sizeMaxBytes: number): Promise<Buffer> {
  try {
    // Not waiting, in case someone put a pipe there.
    await using handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const { mode, size } = await handle.stat();
    if ((mode & OTHERS_MODE) !== 0) throw exposed(path);
    if (size > sizeMaxBytes) {
      throw unavailable(path, `it has ${size} bytes, more than ${sizeMaxBytes}`);
    }
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(sizeMaxBytes), 0, sizeMaxBytes, 0);
    return buffer.subarray(0, bytesRead);
  } catch (error) {
    if (error instanceof HindsightError) throw error;
    throw unavailable(path, errorMessage(error), error);
  }
}

function exposed(path: string): Error {
  return failure("KEY_UNAVAILABLE", `${path} holds a secret and every user can get at it`, {
    hint: `Take the right away: chmod o-rwx ${path}. Consider it known to others.`,
  });
}

function unavailable(path: string, why: string, cause?: unknown): Error {
  return failure("KEY_UNAVAILABLE", `cannot read the secret in ${path}: ${why}`, {
    hint: "Let the user who runs hindsight, which for archive-push is the server's, read it, and nobody else.",
    cause,
  });
}

/** What the command writes to standard output. What it writes to standard error goes where ours goes. */
async function runSecretCommand(
  { command, option }: { readonly command: string; readonly option: string },
  signal: AbortSignal,
): Promise<Buffer> {
  signal.throwIfAborted();
  const child = spawn("/bin/sh", ["-c", command], {
    stdio: ["ignore", "pipe", "inherit"],
    // A process group of its own, so that what the shell started ends with it.
    detached: true,
  });
  const late = AbortSignal.timeout(COMMAND_TIMEOUT_MS);
  const end = AbortSignal.any([signal, late]);
  end.addEventListener("abort", () => killGroup(child), { once: true });
  const ended = once(child, "close") as Promise<[number | null, string | null]>;
  const output = await readPassphrase(child);
  const [code, name] = await ended.catch((error: unknown) => [null, errorMessage(error)] as const);
  signal.throwIfAborted();
  if (late.aborted) throw noPassphrase(option, `it took longer than ${COMMAND_TIMEOUT_MS} ms`);
  if (output === undefined) throw noPassphrase(option, "it prints more than a passphrase");
  if (code !== 0) throw noPassphrase(option, `it ended with ${name ?? `status ${code}`}`);
  return output;
}

/** Undefined when it is more than a passphrase can be; then the command is ended. */
async function readPassphrase(child: SecretCommand): Promise<Buffer | undefined> {
  const pieces: Buffer[] = [];
  let sizeBytes = 0;
  for await (const piece of child.stdout as AsyncIterable<Buffer>) {
    pieces.push(piece);
    sizeBytes += piece.length;
    if (sizeBytes <= PASSPHRASE_MAX_BYTES) continue;
    killGroup(child);
    return undefined;
  }
  return Buffer.concat(pieces);
}

type SecretCommand = ChildProcessByStdio<null, Readable, null>;

function killGroup({ pid }: SecretCommand): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // It ended by itself.
  }
}

function noPassphrase(option: string, why: string): Error {
  return failure("KEY_UNAVAILABLE", `the command of ${option} gave no passphrase: ${why}`, {
    hint: "Run it by hand as the same user: it must print the passphrase and end with status 0.",
  });
}
