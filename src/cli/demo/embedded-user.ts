// Who runs PostgreSQL and the command. PostgreSQL refuses to run as root, so root hands the work to somebody else.
import { readFile } from "node:fs/promises";

/** An account that servers and commands run as. */
export interface RuntimeUser {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

const CANDIDATES = ["postgres", "nobody"];
const OVERFLOW_ID = 65_534;

/**
 * The account to run servers and commands as: undefined for an ordinary user, who runs them as himself; for root the
 * first of postgres and nobody that the machine knows.
 *
 * @param passwdFile in the form of passwd(5).
 */
export async function unprivilegedUser(
  passwdFile: string = "/etc/passwd",
): Promise<RuntimeUser | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const text = await readFile(passwdFile, "utf8").catch(() => "");
  return chooseAccount(text);
}

/** The first of the candidates in a text of the form of passwd(5), else the kernel's overflow id. */
export function chooseAccount(passwd: string): RuntimeUser {
  const accounts = passwd.split("\n").map((line) => line.split(":"));
  for (const candidate of CANDIDATES) {
    const account = accounts.find(([name]) => name === candidate);
    const uid = Number(account?.[2]);
    const gid = Number(account?.[3]);
    if (Number.isInteger(uid) && Number.isInteger(gid) && uid > 0) {
      return { name: candidate, uid, gid };
    }
  }
  return { name: "nobody", uid: OVERFLOW_ID, gid: OVERFLOW_ID };
}
