// Completes package-lock.json: `npm run lock` after every change of dependencies. Native code comes as optional packages,
// one for each kind of machine. A registry that mirrors only some of them makes npm leave the others out of the lock
// file without a word, and `npm ci` then refuses that lock file on every machine. The missing ones are added with their
// version and the machine that their name tells; a machine they are not for never asks for them.
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const SYSTEMS = [
  "linux",
  "darwin",
  "win32",
  "freebsd",
  "openbsd",
  "netbsd",
  "android",
  "openharmony",
  "aix",
  "sunos",
];
const PROCESSORS = [
  "x64",
  "arm64",
  "arm",
  "ia32",
  "ppc64",
  "s390x",
  "riscv64",
  "loong64",
  "mips64el",
  "wasm32",
];

/**
 * The packages that the lock file names as optional but does not hold.
 *
 * @returns entries to add, by their path in node_modules.
 */
export function missingOptional(lock) {
  const missing = {};
  const isLocked = (name) =>
    Object.keys(lock.packages).some((path) => path.endsWith(`node_modules/${name}`));
  for (const entry of Object.values(lock.packages)) {
    for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
      if (isLocked(name) || !/^\d/.test(version)) continue;
      missing[`node_modules/${name}`] = {
        version,
        ...machineOf(name),
        optional: true,
        ...(entry.dev && { dev: true }),
      };
    }
  }
  return missing;
}

/** The processor, operating system and C library that the name of a package of native code ends with. */
function machineOf(name) {
  const words = name.split(/[-/]/);
  const os = words.find((word) => SYSTEMS.includes(word));
  const cpu = words.find((word) => PROCESSORS.includes(word));
  const libc = os === "linux" ? words.map(libraryOf).find((library) => library) : undefined;
  return { ...(cpu && { cpu: [cpu] }), ...(libc && { libc: [libc] }), ...(os && { os: [os] }) };
}

/** `gnu` and `gnueabihf` mean glibc, `musl` and `musleabihf` mean musl. */
function libraryOf(word) {
  if (word.startsWith("musl")) return "musl";
  return word.startsWith("gnu") ? "glibc" : undefined;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const path = join(dirname(fileURLToPath(import.meta.url)), "..", "package-lock.json");
  const lock = JSON.parse(readFileSync(path, "utf8"));
  const missing = missingOptional(lock);
  const packages = Object.entries({ ...lock.packages, ...missing });
  packages.sort(([left], [right]) => left.localeCompare(right, "en"));
  writeFileSync(
    path,
    `${JSON.stringify({ ...lock, packages: Object.fromEntries(packages) }, undefined, 2)}\n`,
  );
  console.log(
    `package-lock.json: ${Object.keys(missing).length} packages for other machines added`,
  );
}
