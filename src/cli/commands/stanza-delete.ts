// `hindsight stanza-delete`: removes a stanza with all its backups and WAL, for ever and without grace.
import type { Settings } from "../../config/settings.ts";
import { EXIT, failure } from "../../model/failure.ts";
import { runningServer } from "../../postgres/server.ts";
import {
  deleteStanza,
  planStanzaDeletion,
  type StanzaDeletion,
} from "../../retention/delete-stanza.ts";
import type { WalArchive } from "../../repository/wal-archive.ts";
import { inEachRepository } from "../each-repository.ts";
import type { Invocation } from "../invocation.ts";
import { findStopFile, removeStopFiles } from "../stop-file.ts";

/** @throws {HindsightError} `STANZA_IN_USE`, `BACKUP_HELD`, `LOCK_HELD` */
export async function run({ settings, context, output }: Invocation): Promise<number> {
  const stanza = settings.requireStanza();
  const isDryRun = settings.get("dry-run");
  const force = settings.get("force");
  if (!isDryRun) await requireStopped(settings, force);
  const work = async (archive: WalArchive): Promise<StanzaDeletion> =>
    isDryRun
      ? planStanzaDeletion(archive, { force }, context)
      : deleteStanza(archive, { force }, context);
  const { done, problems } = await inEachRepository(
    settings,
    { work, elsewhere: "STANZA_UNKNOWN" },
    context,
  );
  if (done.length > 0) {
    const verb = isDryRun ? "would be deleted from" : "is deleted from";
    const lines = done.map(
      ({ number, path, result: { backups } }) =>
        `stanza ${stanza} ${verb} repository ${number} (${path}) with ${backups.length === 0 ? "no backup" : `backups ${backups.join(", ")}`} and all its WAL`,
    );
    const repositories = done.map(({ number, result }) => ({ repository: number, ...result }));
    output.result(lines.join("\n"), { stanza, dryRun: isDryRun, repositories });
  }
  if (problems[0]) throw problems[0];
  if (!isDryRun) await removeStopFiles(settings, stanza);
  return EXIT.done;
}

async function requireStopped(settings: Settings, force: boolean): Promise<void> {
  const stanza = settings.requireStanza();
  if ((await findStopFile(settings, stanza)) === undefined) {
    throw failure("STANZA_IN_USE", `stanza ${stanza} is not stopped`, {
      hint: "Run `hindsight stop` first, on every host that works on the stanza. Nothing was deleted.",
    });
  }
  const path = settings.get("pg-path");
  const server = path === undefined || force ? undefined : await runningServer(path);
  if (!server) return;
  throw failure("STANZA_IN_USE", `PostgreSQL runs in ${path} (process ${server.pid})`, {
    hint: "Stop it first; --force deletes the stanza under a running server. Nothing was deleted.",
  });
}
