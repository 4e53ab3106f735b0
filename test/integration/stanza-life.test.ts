// A stanza from its first cluster to its end: a major upgrade, stop and start, looking into the repository, deletion.
import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { startCluster } from "../harness/cluster.ts";
import { MAJORS, NEWEST_MAJOR } from "../harness/majors.ts";
import { protectCluster } from "../harness/protected.ts";
import { waitForArchived } from "../harness/wal.ts";

const OLDEST_MAJOR = MAJORS[0] ?? NEWEST_MAJOR;

test(
  "a stanza follows an upgrade, stops and starts, shows its objects, and is deleted only when nothing is held",
  { timeout: 240_000 },
  async () => {
    await using site = await protectCluster({ major: OLDEST_MAJOR });
    const { workspace, production: former } = site;
    const old = await site.backUp();
    await waitForArchived(former);
    await former.stop();

    // Another cluster takes its place, as pg_upgrade leaves it.
    const { archiveCommand } = workspace;
    const upgraded = await startCluster({
      major: NEWEST_MAJOR,
      workspace,
      name: "new",
      archiveCommand,
    });
    await workspace.configure(upgraded);
    const mismatch = await workspace.run(["stanza-create"]);
    expect(mismatch.exitCode).toBe(23);
    expect(mismatch.stderr).toContain("stanza-upgrade");
    expect((await workspace.run(["backup"])).exitCode).toBe(23);
    const id = `${NEWEST_MAJOR}-2`;
    expect(await workspace.json(["stanza-upgrade"])).toMatchObject({
      repositories: [{ former: `${OLDEST_MAJOR}-1`, archive: id, created: true }],
    });
    expect((await workspace.succeed(["stanza-upgrade"])).stdout).toContain("is up to date");
    const young = await site.backUp();
    expect(young > old).toBe(true);
    await waitForArchived(upgraded);
    expect(await workspace.json(["list-backups"])).toMatchObject([
      { label: young },
      { label: old },
    ]);
    expect((await workspace.run(["verify"])).exitCode).toBe(0);

    // The former cluster's WAL goes with the last of its backups.
    const names = async (): Promise<string> =>
      (await workspace.succeed(["repo-ls", "stanza/main/archive"])).stdout;
    expect((await names()).split("\n").filter(Boolean)).toEqual([`${OLDEST_MAJOR}-1`, id]);
    await workspace.succeed(["expire", "--repo1-retention-full=1", "--expire-grace=0"]);
    expect((await names()).trim()).toBe(id);

    // One object, as it is stored and as it was archived.
    const segments = await workspace.json<Record<string, { type: string; size: number }>>([
      "repo-ls",
      `stanza/main/archive/${id}`,
      "--recurse",
      "--filter=/[0-9A-F]{24}$",
      "--sort=desc",
    ]);
    const [name = "", { size } = { size: 0 }] = Object.entries(segments)[0] ?? [];
    const key = `stanza/main/archive/${id}/${name}`;
    const out = workspace.path("object");
    const get = async (...options: readonly string[]): Promise<Buffer> => {
      const line = `"${workspace.runtime.command}" --config=${workspace.configFile} repo-get ${key} ${options.join(" ")} > ${out}`;
      expect((await workspace.runProgram("/bin/sh", ["-c", line])).exitCode).toBe(0);
      return await readFile(out);
    };
    const digest = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex");
    const stored = await get();
    expect(stored).toHaveLength(size);
    expect(digest(stored)).toBe(digest(await readFile(join(workspace.repositoryDirectory, key))));
    expect((await get("--decode")).readBigUInt64LE(24)).toBe(
      BigInt((await upgraded.value("select system_identifier from pg_control_system()")) ?? 0),
    );
    const intent = await workspace.succeed([
      "repo-get",
      `stanza/main/backup/${young}/intent`,
      "--decode",
    ]);
    expect(JSON.parse(intent.stdout)).toMatchObject({ prior: null });
    expect((await workspace.run(["repo-get", "no/such/key"])).exitCode).toBe(22);
    expect((await workspace.run(["repo-get", "no/such/key", "--ignore-missing"])).exitCode).toBe(0);

    // Stopped: nothing writes, what reads goes on.
    await workspace.succeed(["stop"]);
    for (const command of [["backup"], ["expire"], ["check"], ["archive-push", "pg_wal/0"]]) {
      const result = await workspace.run(command);
      expect([command[0], result.exitCode]).toEqual([command[0], 28]);
      expect(result.stderr).toContain("STOPPED");
    }
    expect((await workspace.run(["info"])).exitCode).toBe(0);
    await workspace.succeed(["start"]);
    expect((await workspace.succeed(["start"])).stdout).toContain("was not stopped");
    await workspace.succeed(["expire"]);

    // Deleted only when it is stopped, its server too, and nothing is held.
    const refusal = async (...words: readonly string[]): Promise<string> => {
      const result = await workspace.run(["stanza-delete", ...words]);
      expect(result.exitCode).toBe(27);
      return result.stderr;
    };
    expect(await refusal()).toContain("STANZA_IN_USE");
    await workspace.succeed(["hold", `--set=${young}`, "--reason=case 7"]);
    await workspace.succeed(["stop"]);
    expect(await refusal()).toContain("PostgreSQL runs");
    expect(await refusal("--force")).toContain("case 7");
    await upgraded.stop();
    expect(await refusal()).toContain("case 7");
    expect(await workspace.json(["list-backups"])).toHaveLength(1);
    await workspace.succeed(["hold", `--set=${young}`, "--release"]);
    expect((await workspace.succeed(["stanza-delete", "--dry-run"])).stdout).toContain(young);
    await workspace.succeed(["stanza-delete"]);
    const left = await readdir(workspace.repositoryDirectory, {
      recursive: true,
      withFileTypes: true,
    });
    expect(left.filter((entry) => entry.isFile()).map(({ name: file }) => file)).toEqual([
      "repository.json",
    ]);
    expect(await readdir(workspace.path("lock"))).toEqual([]);
  },
);
