// `hindsight stanza-upgrade`: the stanza's cluster is another one now, as after pg_upgrade.
import { EXIT } from "../../model/failure.ts";
import {
  archiveId,
  type ClusterIdentity,
  readStanza,
  upgradeStanza,
} from "../../repository/stanza.ts";
import { readIdentity } from "../cluster-identity.ts";
import { inEachRepository } from "../each-repository.ts";
import type { Invocation } from "../invocation.ts";

/** Adds a record where the cluster is another one; where it is not, nothing changes. */
export async function run({ settings, context, output }: Invocation): Promise<number> {
  const stanza = settings.requireStanza();
  const identity: ClusterIdentity = await readIdentity(settings, context);
  const { done, problems } = await inEachRepository(
    settings,
    {
      work: async ({ repository }) => {
        const former = await readStanza(repository, stanza, context);
        const { record, created } = await upgradeStanza(repository, stanza, identity, context);
        return { former: archiveId(former), archive: archiveId(record), created };
      },
    },
    context,
  );
  if (done.length > 0) {
    const lines = done.map(({ number, result: { former, archive, created } }) =>
      created
        ? `stanza ${stanza} upgraded in repository ${number}: from now on WAL goes to archive ${archive}; that of ${former} stays with its backups. Take a full backup now.`
        : `stanza ${stanza} is up to date in repository ${number}, archive ${archive}`,
    );
    const repositories = done.map(({ number, result }) => ({ repository: number, ...result }));
    const { systemIdentifier } = identity;
    output.result(lines.join("\n"), { stanza, systemIdentifier, repositories });
  }
  if (problems[0]) throw problems[0];
  return EXIT.done;
}
