// What decides whether `npm ci` runs before a command, and whether the lock file is one that `npm ci` accepts.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { missingOptional } from "./complete-lock.js";
import { type LockFile, whyInstall } from "./installed-state.js";

const pg = { version: "8.23.1", integrity: "sha512-a" };
const native = { version: "1.0.0", optional: true, os: [process.platform], cpu: [process.arch] };
const foreign = { version: "1.0.0", optional: true, os: ["aix"], cpu: ["ppc64"] };
const lock: LockFile = {
  packages: {
    "": { version: "0.1.0" },
    "node_modules/pg": pg,
    "node_modules/native": native,
    "node_modules/foreign": foreign,
  },
};
const complete: LockFile = { packages: { "node_modules/pg": pg, "node_modules/native": native } };
const fine = { lock, installed: complete, stampFits: false, hasNode: true };

describe("whyInstall", () => {
  test("lets things be that are as the lock file says, packages for other machines aside", () => {
    expect(whyInstall(fine)).toBeUndefined();
  });

  test("asks for an install when there is none, or no Node", () => {
    expect(whyInstall({ ...fine, installed: undefined })).toBe("nothing is installed yet");
    expect(whyInstall({ ...fine, hasNode: false })).toBe("the pinned Node is not installed");
  });

  test("names a package that is missing or another version", () => {
    const installed = { packages: { "node_modules/pg": { ...pg, version: "8.0.0" } } };
    expect(whyInstall({ ...fine, installed })).toBe("pg is installed as 8.0.0, not 8.23.1");
    const without = { packages: { "node_modules/pg": pg } };
    expect(whyInstall({ ...fine, installed: without })).toBe("native is not installed");
  });

  test("does not try again what npm could not install for this very lock file", () => {
    const without = { packages: { "node_modules/pg": pg } };
    expect(whyInstall({ ...fine, installed: without, stampFits: true })).toBeUndefined();
  });
});

test("an optional package that the registry did not know is added with the machine it is for", () => {
  const optionalDependencies = {
    "@a/b-android-arm64": "1.2.3",
    "@a/b-linux-arm-musleabihf": "1.2.3",
    "pg-cloudflare": "^1.0.0",
  };
  const packages = {
    "": {},
    "node_modules/a": { version: "1.0.0", dev: true, optionalDependencies },
  };
  expect(missingOptional({ packages })).toEqual({
    "node_modules/@a/b-android-arm64": {
      version: "1.2.3",
      cpu: ["arm64"],
      os: ["android"],
      optional: true,
      dev: true,
    },
    "node_modules/@a/b-linux-arm-musleabihf": {
      version: "1.2.3",
      cpu: ["arm"],
      libc: ["musl"],
      os: ["linux"],
      optional: true,
      dev: true,
    },
  });
});

test("package-lock.json is complete: `npm ci` refuses one that is not (npm run lock)", async () => {
  const text = await readFile(join(import.meta.dirname, "..", "package-lock.json"), "utf8");
  expect(missingOptional(JSON.parse(text) as LockFile)).toEqual({});
});
