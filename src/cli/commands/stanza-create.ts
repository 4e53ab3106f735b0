// `hindsight stanza-create`: a place in every repository, bound to one cluster.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Context } from "../../base/context.ts";
import { errorMessage } from "../../base/errors.ts";
import type { Settings } from "../../config/settings.ts";
import { EXIT, failure } from "../../model/failure.ts";
import {
  MAJOR_VERSION_MAX,
  MAJOR_VERSION_MIN,
  readClusterFacts,
} from "../../postgres/cluster-facts.ts";
import { connect } from "../../postgres/connection.ts";
import { readControlFile } from "../../postgres/control-file.ts";
import { createRepository } from "../../repository/repository.ts";
import { archiveId, type ClusterIdentity, createStanza } from "../../repository/stanza.ts";
import { makeStorePlace } from "../../storage/open-store.ts";
import { connectionSettings } from "../cluster.ts";
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

/**
 * Which cluster it is: asked of the server and compared with the data directory, or read from that alone.
 *
 * @throws {HindsightError} `CLUSTER_MISMATCH`, `POSTGRES_CONNECTION_FAILED`, `CONFIG_OPTION_MISSING`
 */
async function readIdentity(settings: Settings, context: Context): Promise<ClusterIdentity> {
  if (!settings.get("online")) return readOfflineIdentity(settings.require("pg-path"), context);
  await using session = await connect(await connectionSettings(settings), context);
  const facts = await readClusterFacts(session, context);
  const path = settings.get("pg-path");
  if (path !== undefined) {
    const { control } = await readControlFile(path, context);
    if (control.systemIdentifier !== facts.systemIdentifier) {
      throw failure(
        "CLUSTER_MISMATCH",
        `the server has system identifier ${facts.systemIdentifier}, the data directory ${path} has ${control.systemIdentifier}`,
        { hint: "Let pg1-path and pg1-port name the same cluster." },
      );
    }
  }
  const { systemIdentifier, majorVersion, catalogVersion, controlVersion, segmentSizeBytes } =
    facts;
  return { systemIdentifier, majorVersion, catalogVersion, controlVersion, segmentSizeBytes };
}

async function readOfflineIdentity(path: string, context: Context): Promise<ClusterIdentity> {
  const { control } = await readControlFile(path, context);
  const { systemIdentifier, catalogVersion, controlVersion, segmentSizeBytes } = control;
  const majorVersion = await readMajorVersion(path);
  return { systemIdentifier, catalogVersion, controlVersion, segmentSizeBytes, majorVersion };
}

async function readMajorVersion(dataDirectory: string): Promise<number> {
  const file = join(dataDirectory, "PG_VERSION");
  const text = await readFile(file, "utf8").catch((cause: unknown) => {
    throw failure("DATA_DIRECTORY_INVALID", `cannot read ${file}: ${errorMessage(cause)}`, {
      cause,
    });
  });
  const major = Number(text.trim());
  if (Number.isInteger(major) && major >= MAJOR_VERSION_MIN && major <= MAJOR_VERSION_MAX) {
    return major;
  }
  throw failure("POSTGRES_VERSION_UNSUPPORTED", `${file} says version "${text.trim()}"`, {
    hint: `Hindsight understands PostgreSQL ${MAJOR_VERSION_MIN} to ${MAJOR_VERSION_MAX}.`,
  });
}
