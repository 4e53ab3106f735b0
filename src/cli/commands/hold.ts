// `hindsight hold`: lists holds, sets one, or releases a backup from all of its own.
import { hostname, userInfo } from "node:os";
import { EXIT, failure } from "../../model/failure.ts";
import { formatInstant } from "../../model/timestamp.ts";
import { type Hold, listHolds } from "../../repository/hold.ts";
import type { WalArchive } from "../../repository/wal-archive.ts";
import { holdBackup, releaseBackup } from "../../retention/hold.ts";
import { resolveLabel } from "../catalogue.ts";
import { type EachRepository, inEachRepository } from "../each-repository.ts";
import type { Invocation } from "../invocation.ts";
import type { JsonValue } from "../render/json.ts";
import { formatTable } from "../render/table.ts";

/** Prints the holds that were set, released, or that there are; then throws for the first repository that failed. */
export async function run(invocation: Invocation): Promise<number> {
  const { settings, output } = invocation;
  const stanza = settings.requireStanza();
  const set = settings.get("set");
  const isReleased = settings.get("release");
  if (set === undefined && (isReleased || settings.get("reason") !== undefined)) {
    throw failure("CONFIG_OPTION_MISSING", "hold needs --set to say which backup is meant", {
      hint: "Name it with --set=LABEL; without options the holds are listed.",
    });
  }
  const action = set === undefined ? "held" : isReleased ? "released" : "set";
  const { done, problems } = await work(invocation, set, isReleased);
  if (done.length > 0) {
    const rows = done.flatMap(({ number, result }) =>
      result.map((hold) => [`repo${number}`, hold.label, action, describe(hold)]),
    );
    const text = rows.length === 0 ? `stanza ${stanza} holds no backup` : formatTable(rows);
    const holds = done.flatMap(({ number, result }) =>
      result.map((hold) => holdJson(hold, number)),
    );
    output.result(text, { stanza, [action === "held" ? "holds" : action]: holds });
  }
  if (problems[0]) throw problems[0];
  return EXIT.done;
}

function work(
  { settings, context }: Invocation,
  set: string | undefined,
  isReleased: boolean,
): Promise<EachRepository<readonly Hold[]>> {
  const facts = {
    reason: settings.get("reason") ?? "no reason given",
    by: `${userInfo().username}@${hostname()}`,
    createdAt: context.clock.now(),
  };
  const inOne = async (archive: WalArchive): Promise<readonly Hold[]> => {
    if (set === undefined) return listHolds(archive.repository, archive.stanza, context);
    const label = await resolveLabel(set, archive, context);
    if (isReleased) return releaseBackup(archive, label, context);
    return [await holdBackup(archive, label, { facts, context })];
  };
  return inEachRepository(settings, { work: inOne, elsewhere: "BACKUP_UNKNOWN" }, context);
}

function describe({ facts }: Hold): string {
  if (!facts) return "what it says cannot be read";
  return `"${facts.reason}" by ${facts.by} at ${formatInstant(facts.createdAt)}`;
}

/** As info shows it, too. */
function holdJson({ label, number, facts }: Hold, repository: number): JsonValue {
  return {
    repository,
    label,
    number,
    reason: facts?.reason ?? null,
    by: facts?.by ?? null,
    createdAt: facts ? formatInstant(facts.createdAt) : null,
  };
}
