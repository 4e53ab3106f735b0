// `hindsight stanza-create`: a place in every repository, bound to one cluster.
import type { Context } from "../../base/context.ts";
import type { Settings } from "../../config/settings.ts";
import { EXIT } from "../../model/failure.ts";
import { createRepository } from "../../repository/repository.ts";
import { archiveId, type ClusterIdentity, createStanza } from "../../repository/stanza.ts";
import { makeStorePlace } from "../../storage/open-store.ts";
import { readIdentity } from "../cluster-identity.ts";
import type { Invocation } from "../invocation.ts";
import {
  repositoryAccess,
  repositoryNumbers,
  repositoryStore,
  storeSettings,
} from "../repositories.ts";

interface CreatedStanza {
  readonly repository: number;
  readonly path: string;
  readonly cipher: string;
  readonly archiveId: string;
  readonly created: boolean;
}

/** Creates what is missing; the same cluster again changes nothing. */
export async function run({ settings, context, output }: Invocation): Promise<number> {
  const stanza = settings.requireStanza();
  const identity = await readIdentity(settings, context);
  const numbers = repositoryNumbers(settings);
  if (settings.get("dry-run")) {
    const paths = numbers.map((number) => settings.get("repo-path", number));
    output.result(paths.map((path) => `would create stanza ${stanza} in ${path}`).join("\n"), {
      stanza,
      dryRun: true,
      repositories: paths.map((path) => ({ path })),
    });
    return EXIT.done;
  }
  const created: CreatedStanza[] = [];
  for (const number of numbers)
    created.push(await createIn(settings, { number, identity }, context));
  const lines = created.map(
    (each) =>
      `stanza ${stanza} ${each.created ? "created" : "exists already"} in repository ${each.repository} (${each.path}${each.cipher === "none" ? "" : `, ${each.cipher}`}), archive ${each.archiveId}`,
  );
  output.result(lines.join("\n"), {
    stanza,
    systemIdentifier: identity.systemIdentifier,
    repositories: created.map((each) => ({ ...each })),
  });
  return EXIT.done;
}

async function createIn(
  settings: Settings,
  { number, identity }: { readonly number: number; readonly identity: ClusterIdentity },
  context: Context,
): Promise<CreatedStanza> {
  const place = storeSettings(settings, number);
  await makeStorePlace(place);
  const store = repositoryStore(settings, number, context);
  const access = repositoryAccess(settings, number);
  const { repository } = await createRepository(store, context, access);
  const stanza = settings.requireStanza();
  const { record, created } = await createStanza(repository, stanza, identity, context);
  context.log.info(`stanza-create for stanza '${stanza}' on repo${number}`, { created });
  const { cipher } = repository.record;
  return { repository: number, path: place.path, cipher, archiveId: archiveId(record), created };
}
