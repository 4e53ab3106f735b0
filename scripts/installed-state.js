// Decides whether what npm installed is what the lock file asks for. Plain JavaScript for Node 18 and later; no IO.
// npm itself records what it installed in node_modules/.package-lock.json, in the form of package-lock.json.

/**
 * Why `npm ci` must run, in a few words, or undefined when it need not.
 *
 * @param state.lock package-lock.json.
 * @param state.installed node_modules/.package-lock.json, undefined when there is none.
 * @param state.stampFits whether our own last `npm ci` was for this very lock file: then what is missing could not be
 *   installed, and trying again each time would not help.
 * @param state.hasNode whether the pinned Node is there.
 */
export function whyInstall({ lock, installed, stampFits, hasNode }) {
  if (installed === undefined) return "nothing is installed yet";
  if (!hasNode) return "the pinned Node is not installed";
  if (stampFits) return undefined;
  for (const [path, wanted] of Object.entries(lock.packages)) {
    if (path === "" || !isNeededHere(wanted)) continue;
    const found = installed.packages[path];
    if (found === undefined) return `${nameOf(path)} is not installed`;
    if (found.version !== wanted.version || found.integrity !== wanted.integrity) {
      return `${nameOf(path)} is installed as ${found.version}, not ${wanted.version}`;
    }
  }
  return undefined;
}

/**
 * Native code comes as optional packages, each for one machine. Those that do not say for which, or that ask for a C
 * library, which is not ours to find out, npm may have left out for good reasons.
 */
function isNeededHere({ os, cpu, libc, optional }) {
  if (optional && (os === undefined || libc !== undefined)) return false;
  return matches(os, process.platform) && matches(cpu, process.arch);
}

function matches(list, value) {
  return list === undefined || list.includes(value);
}

function nameOf(path) {
  return path.slice(path.lastIndexOf("node_modules/") + "node_modules/".length);
}
