// Runs before `npm start` and `npm test`: installs what is missing and builds what is stale, so that each of the two
// commands is enough on a fresh machine. Plain JavaScript for Node 18 and later, because the Node that Hindsight needs
// is among the things it installs.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { accessSync, constants, existsSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { whyInstall } from "./installed-state.js";
import { isDistStale, renewStamp } from "./source-stamp.js";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const stampPath = join(root, "node_modules", ".hindsight-stamp");
const lockHash = createHash("sha256").update(readText("package-lock.json")).digest("hex");

process.exitCode = install() || build();

/** Returns the exit status. */
function install() {
  const reason = whyInstall({
    lock: JSON.parse(readText("package-lock.json")),
    installed: existsSync(join(root, "node_modules", ".package-lock.json"))
      ? JSON.parse(readText("node_modules/.package-lock.json"))
      : undefined,
    stampFits: existsSync(stampPath) && readFileSync(stampPath, "utf8").trim() === lockHash,
    hasNode: existsSync(pinnedNode()),
  });
  if (reason === undefined) return 0;
  if (!isWritable(root))
    return refuse(`${reason}, and ${root} is not writable: run npm ci as its owner`);
  say(`${reason}, so npm ci runs first (a minute or so, once)`);
  const status = npm(["ci", "--include=dev", "--include=optional"]);
  if (status !== 0) return refuse(`npm ci ended with ${status}; nothing was started`, status);
  if (!existsSync(pinnedNode()))
    return refuse(
      "npm ci installed no Node: install scripts of the package node are forbidden here",
    );
  writeFileSync(stampPath, `${lockHash}\n`);
  return 0;
}

/** Returns the exit status. A checkout that cannot be written runs from its sources. */
function build() {
  const begin = new Date();
  const stale = isDistStale(root);
  if (!isWritable(root)) return 0;
  if (!stale) {
    renewStamp(root, begin);
    return 0;
  }
  say("dist/ is not what src/ says, so it is built first");
  return run(pinnedNode(), [join(root, "scripts", "build.js")]);
}

function npm(parameters) {
  const program = process.env.npm_execpath;
  return program ? run(process.execPath, [program, ...parameters]) : run("npm", parameters);
}

function run(program, parameters) {
  // Standard output is the result of the command that comes next: what is said before it goes to standard error.
  const { status, error } = spawnSync(program, parameters, { cwd: root, stdio: ["ignore", 2, 2] });
  if (error) say(`${program}: ${error.message}`);
  return status ?? 1;
}

function pinnedNode() {
  return join(root, "node_modules", "node", "bin", "node");
}

function isWritable(path) {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

function readText(path) {
  return readFileSync(join(root, path), "utf8");
}

function say(message) {
  console.error(`hindsight: ${message}`);
}

function refuse(message, status = 1) {
  say(message);
  return status;
}
