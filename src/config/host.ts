// Whether a host's name means this machine: remote clusters and repositories do not exist in this release.
import { hostname, networkInterfaces } from "node:os";

/** True for localhost, this machine's name, and names or addresses that resolve to one of its addresses. */
export async function isThisMachine(host: string): Promise<boolean> {
  const own = hostname().toLowerCase();
  if (["localhost", own, own.split(".")[0]].includes(host.toLowerCase())) return true;
  // Rarely needed, and archive-push starts for every WAL segment.
  const { lookup } = await import("node:dns/promises");
  const addresses = await lookup(host, { all: true }).catch(() => []);
  const local = Object.values(networkInterfaces()).flatMap((each) => each ?? []);
  return addresses.some(
    ({ address }) =>
      address.startsWith("127.") ||
      address === "::1" ||
      local.some((candidate) => candidate.address === address),
  );
}
