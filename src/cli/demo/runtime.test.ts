// What a runtime is put together from: the account, the packages, links and copies. That servers and commands really run
// from one is shown by every test in test/integration.
import {
  chmod,
  lstat,
  mkdir,
  mkdtemp,
  readFile,
  readlink,
  rm,
  stat,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { findPackage, packageRoot, runtimeClosure } from "./embedded-packages.ts";
import { createRunDirectory } from "./embedded-place.ts";
import { embeddedPackageName, hydrateSymlinks, majorOfPrograms } from "./embedded-postgres.ts";
import { stageTree } from "./embedded-stage.ts";
import { chooseAccount } from "./embedded-user.ts";
import { openRuntime } from "./runtime.ts";

let directory = "";
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "hindsight-runtime-"));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

describe("the account", () => {
  const root = "root:x:0:0:root:/root:/bin/bash\n";
  const nobody = "nobody:x:65534:65533::/:/bin/false\n";

  test("is postgres, else nobody, else the kernel's nobody", () => {
    const postgres = "postgres:x:101:104::/:/bin/bash\n";
    expect(chooseAccount(root + nobody + postgres)).toEqual({
      name: "postgres",
      uid: 101,
      gid: 104,
    });
    expect(chooseAccount(root + nobody)).toEqual({ name: "nobody", uid: 65_534, gid: 65_533 });
    expect(chooseAccount("")).toEqual({ name: "nobody", uid: 65_534, gid: 65_534 });
  });

  test("is never one that is root by another name", () => {
    const evil = "postgres:x:0:0::/:/bin/bash\n";
    expect(chooseAccount(evil + nobody).name).toBe("nobody");
  });
});

describe("staging", () => {
  test("links what all may read, and copies what only its owner may", async () => {
    const source = join(directory, "source");
    await mkdir(join(source, "inner"), { recursive: true, mode: 0o700 });
    await writeFile(join(source, "inner", "open"), "open");
    await chmod(join(source, "inner", "open"), 0o644);
    await writeFile(join(source, "closed"), "closed");
    await chmod(join(source, "closed"), 0o700);
    await writeFile(join(source, "left-out"), "");
    const target = join(directory, "target");
    await stageTree(source, target, new Set(["left-out"]));
    const inode = async (path: string): Promise<number> => (await stat(path)).ino;
    const mode = async (path: string): Promise<number> => (await stat(path)).mode & 0o777;
    expect(await inode(join(target, "inner", "open"))).toBe(
      await inode(join(source, "inner", "open")),
    );
    expect(await inode(join(target, "closed"))).not.toBe(await inode(join(source, "closed")));
    expect(await readFile(join(target, "closed"), "utf8")).toBe("closed");
    expect(await mode(join(target, "closed"))).toBe(0o755);
    expect(await mode(join(source, "closed"))).toBe(0o700);
    expect(await mode(join(target, "inner"))).toBe(0o755);
    await expect(lstat(join(target, "left-out"))).rejects.toThrow("ENOENT");
  });

  test("makes the links that npm could not, once and again", async () => {
    const native = join(directory, "native");
    await mkdir(join(native, "lib"), { recursive: true });
    await writeFile(join(native, "lib", "libpq.so.5.18"), "library");
    const list = [{ source: "native/lib/libpq.so.5.18", target: "native/lib/libpq.so.5" }];
    await writeFile(join(native, "pg-symlinks.json"), JSON.stringify(list));
    await hydrateSymlinks(native);
    await hydrateSymlinks(native);
    expect(await readlink(join(native, "lib", "libpq.so.5"))).toBe("libpq.so.5.18");
    expect(await readFile(join(native, "lib", "libpq.so.5"), "utf8")).toBe("library");
  });

  test("takes the packages that the command needs, native ones too, and not those of the workshop", async () => {
    const names = (await runtimeClosure(packageRoot())).map((path) => basename(path));
    expect(names).toEqual(expect.arrayContaining(["pg", "pg-protocol", "crc32"]));
    expect(names.some((name) => name.startsWith(`crc32-linux-${process.arch}`))).toBe(true);
    expect(names.filter((name) => /^(?:postgres-\d|vitest|typescript)/.test(name))).toEqual([]);
  });

  test("finds packages from inside others, as Node does", () => {
    const pg = findPackage("pg", packageRoot());
    expect(findPackage("pg-protocol", String(pg))).toBeDefined();
    expect(findPackage("no-such-package", String(pg))).toBeUndefined();
  });
});

describe("PostgreSQL", () => {
  test("is named by major and processor", () => {
    expect(embeddedPackageName(17, "arm64")).toBe("postgres-17-linux-arm64");
  });

  test("of PGBIN is asked for its version", async () => {
    const program = join(directory, "postgres");
    await writeFile(program, "#!/bin/sh\necho 'postgres (PostgreSQL) 17.4 (Debian 17.4-1)'\n", {
      mode: 0o755,
    });
    expect(await majorOfPrograms(directory)).toBe(17);
    await rm(program);
    await expect(majorOfPrograms(directory)).rejects.toMatchObject({
      code: "POSTGRES_BINARIES_MISSING",
      message: `${program} does not say its version`,
    });
  });

  test("that is not there is named in the error", () => {
    const runtime = openRuntime({
      stagedDirectory: undefined,
      user: undefined,
      command: "hindsight",
      node: "node",
      programs: { 18: "/eighteen" },
    });
    expect(runtime.postgres(18)).toBe("/eighteen");
    expect(() => runtime.postgres(9)).toThrow(/no PostgreSQL 9: package postgres-9-linux-/);
  });
});

test("a run's directory can be passed through by all, and is short enough for a socket", async () => {
  const run = await createRunDirectory();
  try {
    expect((await stat(run)).mode & 0o777).toBe(0o711);
    expect(`${run}/w123456/production.s/.s.PGSQL.5432`.length).toBeLessThan(107);
  } finally {
    await rm(run, { recursive: true });
  }
});
