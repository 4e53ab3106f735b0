// An encrypted repository on real servers: everything works as in a plain one, nothing of the database can be found in
// it, and without the key every command ends with 26.
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { OUTER_MAJORS } from "../harness/majors.ts";
import { contentHash, createOrders } from "../harness/orders.ts";
import { type ProtectedSite, protectCluster } from "../harness/protected.ts";
import { transaction, waitForArchived } from "../harness/wal.ts";
import type { Workspace } from "../harness/workspace.ts";
import { expectUnchanged } from "../fault/input-ground.ts";

const KEY = Buffer.alloc(32, "k");
const PASSPHRASE = "correct horse battery staple";
/** Stands in a row, in a table's name and in the configuration, and must be nowhere in the repository. */
const MARK = "Zanzibar";

const ENCRYPTED = { "repo1-cipher-type": "aes-256-gcm", "compress-type": "none" };

/** Production whose repository was created with a passphrase and is opened with a key file. */
async function protectEncrypted(major: number): Promise<ProtectedSite> {
  const global = { ...ENCRYPTED, "repo1-cipher-pass": PASSPHRASE };
  const site = await protectCluster({ major }, { global });
  const { workspace } = site;
  await workspace.write("key", KEY);
  await workspace.write("pass", `${PASSPHRASE}\n`);
  const file = workspace.path("key");
  await workspace.succeed(["key", "add", "hosts", `--new-cipher-key-file=${file}`]);
  await configure(site, { "repo1-cipher-key-file": file });
  return site;
}

async function configure(
  { workspace, production }: ProtectedSite,
  secret: Readonly<Record<string, string>>,
): Promise<void> {
  await workspace.configure(production, { global: { ...ENCRYPTED, ...secret } });
}

/** Files of the repository that hold the text in the clear. */
async function filesWith(directory: string, text: string): Promise<readonly string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const found: string[] = [];
  for (const entry of entries.filter((each) => each.isFile())) {
    const path = join(entry.parentPath, entry.name);
    if ((await readFile(path)).includes(text)) found.push(path.slice(directory.length + 1));
  }
  return found;
}

describe.each(OUTER_MAJORS)("PostgreSQL %i", (major) => {
  test("backs up, archives, finds and restores through an encrypted repository", async () => {
    await using site = await protectEncrypted(major);
    const { workspace, production } = site;
    await createOrders(production);
    await production.sql(
      `create table "${MARK}" as select '${MARK}' || n as note from generate_series(1, 500) n`,
    );
    await workspace.succeed(["check"]);
    await site.backUp();
    const before = await contentHash(production, "orders");
    const lost = await transaction(production, "delete from orders where id <= 10");
    await waitForArchived(production);

    expect(await filesWith(production.dataDirectory, MARK)).not.toEqual([]);
    expect(await filesWith(workspace.repositoryDirectory, MARK)).toEqual([]);
    const found = await workspace.json<{ transactions: { xid: string; relations: unknown[] }[] }>([
      "find",
      "--table=orders",
      "--operation=delete",
    ]);
    expect(found.transactions).toMatchObject([
      { xid: lost.xid, relations: [{ name: "orders", deleted: 10 }] },
    ]);
    const target = ["--type=xid", `--target=${lost.xid}`, "--target-exclusive"];
    await using copy = await site.restore("copy", [...target, "--target-action=promote"]);
    await copy.start();
    await copy.waitForPromotion();
    expect(await contentHash(copy, "orders")).toBe(before);
    expect(await copy.value(`select count(*) from "${MARK}"`)).toBe("500");
    const [info] = await workspace.json<{ cipher: string }[]>(["info"]);
    expect(info?.cipher).toBe("aes-256-gcm");
  });
});

const MAJOR = OUTER_MAJORS.at(-1) ?? 18;

describe(`PostgreSQL ${MAJOR}, one repository`, () => {
  let site: ProtectedSite;
  beforeAll(async () => {
    site = await protectEncrypted(MAJOR);
    await site.backUp();
    await waitForArchived(site.production);
  });
  afterAll(() => site[Symbol.asyncDispose]());

  test("every command without the right key ends with 26, and changes nothing", async () => {
    const { workspace, production } = site;
    const segment = (await production.value("select pg_walfile_name(pg_current_wal_lsn())")) ?? "";
    const commands = [
      ["archive-push", join(production.dataDirectory, "pg_wal", segment)],
      ["archive-get", segment, workspace.path("fetched")],
      ["backup"],
      ["restore", `--pg1-path=${workspace.path("nowhere")}`],
      ["stanza-create"],
      ["check"],
      ["list-backups"],
      ["show-backup", "latest"],
      ["index"],
      ["window"],
      ["find"],
      ["target", "latest"],
      ["key", "list"],
      ["key", "remove", "hosts"],
    ];
    await workspace.write("wrong", Buffer.alloc(32, "w"));
    const wrong = { "repo1-cipher-key-file": workspace.path("wrong") };
    const gone = { "repo1-cipher-key-file": workspace.path("gone") };
    await expectUnchanged([workspace.repositoryDirectory], async () => {
      await expectKeyError(wrong, "KEY_WRONG", commands);
      await expectKeyError(gone, "KEY_UNAVAILABLE", commands.slice(0, 4));
      await expectKeyError({ "repo1-cipher-type": "none" }, "KEY_MISSING", commands.slice(0, 5));
    });
    expect(await readdir(workspace.directory)).not.toContain("nowhere");
    await configure(site, { "repo1-cipher-key-file": workspace.path("key") });
  });

  async function expectKeyError(
    secret: Readonly<Record<string, string>>,
    code: string,
    commands: readonly (readonly string[])[],
  ): Promise<void> {
    await configure(site, secret);
    for (const command of commands) {
      const { exitCode, stdout, stderr } = await site.workspace.run([...command, "--repo=1"]);
      const exit = command[0] === "archive-get" ? 200 : 26;
      expect([command, exitCode], stderr).toEqual([command, exit]);
      // check reports it as what failed.
      const reason = command[0] === "check" ? /passphrase|key file/ : new RegExp(code);
      expect(stdout + stderr, String(command)).toMatch(reason);
    }
  }

  test("a secret is not handed to PostgreSQL, nor taken from where PostgreSQL cannot see it", async () => {
    const { workspace } = site;
    const restore = [`--pg1-path=${workspace.path("copy")}`, "--type=immediate", "restore"];
    await configure(site, {});
    const own = { HINDSIGHT_REPO1_CIPHER_PASS: PASSPHRASE };
    const refused = await workspace.run(restore, { environment: own });
    expect([refused.exitCode, refused.stderr]).toEqual([
      2,
      expect.stringContaining("repo1-cipher-pass stands only in the environment"),
    ]);
    expect(await readdir(workspace.directory)).not.toContain("copy");

    await configure(site, { "repo1-cipher-pass": PASSPHRASE });
    const environment = { HINDSIGHT_NEW_CIPHER_PASS: PASSPHRASE };
    const start = ["--start", "--target-action=pause", "--log-level-console=debug", ...restore];
    const { stdout, stderr } = await workspace.succeed(start, { environment });
    expect(stdout + stderr).not.toContain(PASSPHRASE);
    const pid = (await readFile(workspace.path("copy", "postmaster.pid"), "utf8")).split("\n")[0];
    for (const what of ["environ", "cmdline"]) {
      expect(await readFile(`/proc/${pid}/${what}`, "latin1")).not.toContain(PASSPHRASE);
    }
    // In the configuration and the file where it was put, and nowhere else: no log, no setting of the copy.
    const places = await filesWith(workspace.directory, PASSPHRASE);
    expect(places.toSorted()).toEqual(["hindsight.conf", "pass"]);
    await configure(site, { "repo1-cipher-key-file": workspace.path("key") });
  });

  test("slots come and go without archiving ever stopping", async () => {
    const { workspace, production } = site;
    const pass = `--new-cipher-pass-file=${workspace.path("pass")}`;
    const before = await slots(workspace);
    expect(before.map(({ kind, note }) => `${kind} ${note}`).toSorted()).toEqual([
      "key-file in use",
      "passphrase ",
    ]);
    await workspace.succeed(["key", "add", "escrow", pass, "--dry-run"]);
    expect(await slots(workspace)).toEqual(before);
    await workspace.succeed(["key", "generate", workspace.path("second")]);
    await workspace.succeed([
      "key",
      "add",
      "second",
      `--new-cipher-key-file=${workspace.path("second")}`,
    ]);
    const refused = await workspace.run(["key", "remove", "hosts"]);
    expect([refused.exitCode, refused.stderr]).toEqual([26, expect.stringContaining("KEY_IN_USE")]);

    await configure(site, { "repo1-cipher-pass-command": `cat ${workspace.path("pass")}` });
    await waitForArchived(production);
    await configure(site, { "repo1-cipher-key-file": workspace.path("second") });
    for (const { name } of before) await workspace.succeed(["key", "remove", name]);
    await waitForArchived(production);
    await workspace.succeed(["check"]);
    expect(await slots(workspace)).toMatchObject([{ name: "second", note: "in use" }]);
    for (const secret of [
      { "repo1-cipher-key-file": workspace.path("key") },
      { "repo1-cipher-pass-file": workspace.path("pass") },
    ]) {
      await configure(site, secret);
      const { exitCode, stderr } = await workspace.run(["list-backups"]);
      expect([exitCode, stderr]).toEqual([26, expect.stringContaining("KEY_WRONG")]);
    }
  });
});

interface ShownSlot {
  readonly name: string;
  readonly kind: string;
  readonly note: string;
}

async function slots(workspace: Workspace): Promise<readonly ShownSlot[]> {
  return (await workspace.json<{ slots: readonly ShownSlot[] }>(["key", "list"])).slots;
}
