import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createContext } from "../base/context.ts";
import { Secret, SecretBytes } from "../base/secret.ts";
import type { RepositorySecret } from "../repository/root-key.ts";
import { readSecret } from "./repository-secret.ts";
import { settingsOf } from "./settings.fixture.ts";

let directory = "";
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "hindsight-secret-"));
});
afterAll(() => rm(directory, { recursive: true }));

async function write(name: string, content: string | Buffer, mode = 0o600): Promise<string> {
  const path = join(directory, name);
  await writeFile(path, content);
  await chmod(path, mode);
  return path;
}

async function read(
  option: string,
  environment: Readonly<Record<string, string>> = {},
): Promise<RepositorySecret> {
  const file = `[global]\nrepo1-path=/r\nrepo1-cipher-type=aes-256-gcm\n${option}\n[main]\npg1-path=/pg`;
  const settings = await settingsOf({ words: ["info"], file, environment });
  return await readSecret(settings, { purpose: "repo-cipher", number: 1 }, createContext());
}

const textOf = ({ kind, bytes }: RepositorySecret): string =>
  `${kind} ${bytes.reveal().toString()}`;

test("a passphrase is taken from file, command and environment, without the end of its line", async () => {
  const path = await write("pass", "open sesame\r\n");
  expect(textOf(await read(`repo1-cipher-pass-file=${path}`))).toBe("passphrase open sesame");
  const command = `repo1-cipher-pass-command=printf 'open %s\\n\\n' sesame`;
  expect(textOf(await read(command))).toBe("passphrase open sesame\n");
  const environment = { HINDSIGHT_REPO1_CIPHER_PASS: " öffne dich " };
  expect(textOf(await read("", environment))).toBe("passphrase  öffne dich ");
});

test("a key file is 32 bytes, whatever they are", async () => {
  const path = await write("key", Buffer.alloc(32, "\n"));
  const { kind, bytes } = await read(`repo1-cipher-key-file=${path}`);
  expect([kind, bytes.reveal()]).toEqual(["key-file", Buffer.alloc(32, "\n")]);
});

test.each<[string, string, () => Promise<string>, string]>([
  [
    "a file that is not there",
    "pass-file",
    () => Promise.resolve("/no/such/file"),
    "/no/such/file",
  ],
  ["a file that every user can read", "pass-file", () => write("open", "x", 0o604), "every user"],
  ["a key that every user can read", "key-file", () => write("bare", KEY, 0o644), "every user"],
  ["an empty passphrase", "pass-file", () => write("empty", "\n"), "empty"],
  ["a key file that is too short", "key-file", () => write("short", "pass"), "4 bytes"],
  ["a key file that is too long", "key-file", () => write("long", Buffer.alloc(33)), "33 bytes"],
  ["a passphrase file that is none", "pass-file", () => write("big", Buffer.alloc(5000)), "5000"],
  ["a command that fails", "pass-command", () => Promise.resolve("echo SESAM; exit 3"), "status 3"],
  [
    "a command that never ends to talk",
    "pass-command",
    () => Promise.resolve("yes"),
    "prints more",
  ],
  ["a command that says nothing", "pass-command", () => Promise.resolve("true"), "empty"],
])("%s is no secret", async (_what, way, make, reason) => {
  const value = await make();
  const answer: unknown = await read(`repo1-cipher-${way}=${value}`).catch(
    (error: unknown) => error,
  );
  expect(answer).toMatchObject({
    code: "KEY_UNAVAILABLE",
    exitCode: 26,
    message: expect.stringContaining(reason) as string,
    hint: expect.stringMatching(/\.$/) as string,
  });
  expect(inspect(answer)).not.toContain("SESAM");
});

const KEY = Buffer.alloc(32, 1);

test("a secret shows itself nowhere", () => {
  const bytes = new SecretBytes(Buffer.from("SESAM"));
  const shown = [new Secret("SESAM"), bytes].flatMap((secret) => [
    String(secret),
    JSON.stringify({ secret }),
    inspect({ secret }, { showHidden: true, depth: 9 }),
  ]);
  for (const text of shown) expect(text).not.toMatch(/SESAM|53 45 53|\b83\b/);
  {
    using _ = bytes;
  }
  expect(bytes.reveal()).toEqual(Buffer.alloc(5));
});
