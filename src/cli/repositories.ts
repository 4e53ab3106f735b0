// From settings to open repositories and archives.
import type { Context } from "../base/context.ts";
import type { Settings } from "../config/settings.ts";
import type { CompressionChoice } from "../codec/compress.ts";
import { HindsightError } from "../base/errors.ts";
import { failure } from "../model/failure.ts";
import { openRepository, type Repository } from "../repository/repository.ts";
import { createAccess, PLAIN_ACCESS, type RepositoryAccess } from "../repository/root-key.ts";
import { readStanza } from "../repository/stanza.ts";
import type { WalArchive } from "../repository/wal-archive.ts";
import type { ObjectStore } from "../storage/object-store.ts";
import { openStore, type StoreSettings } from "../storage/open-store.ts";
import { readSecret } from "./repository-secret.ts";

/**
 * The repositories a command works on: the one that --repo names, else all that are configured.
 *
 * @throws {HindsightError} `CONFIG_OPTION_INVALID` when --repo names one that is not: its path would be the default one.
 */
export function repositoryNumbers(settings: Settings): readonly number[] {
  const configured = settings.numbers("repo");
  const named = settings.get("repo");
  if (named === undefined) return configured;
  if (configured.includes(named)) return [named];
  throw failure("CONFIG_OPTION_INVALID", `--repo=${named} is a repository that is not configured`, {
    hint: `There is ${configured.join(", ")}; another one needs repo${named}-path in the configuration.`,
  });
}

/** The repository of commands that work on one: that of --repo, else the first. */
export function firstRepository(settings: Settings): number {
  return repositoryNumbers(settings)[0] ?? 1;
}

/** Repository away, denied, damaged, without key; target or WAL not there: another repository may do better. */
const EXITS_OF_ONE_REPOSITORY: ReadonlySet<number> = new Set([20, 21, 22, 26, 29, 31]);

/**
 * Adds to the error of a command that took the first of several repositories which others there are. It does not go on
 * to them by itself: what each one can give is for a person to weigh.
 */
export function adviseOtherRepository(error: unknown, settings: Settings): unknown {
  const others = settings.numbers("repo").filter((number) => number !== firstRepository(settings));
  const isOurs = error instanceof HindsightError && EXITS_OF_ONE_REPOSITORY.has(error.exitCode);
  if (!isOurs || settings.get("repo") !== undefined || others.length === 0) return error;
  const { code, exitCode, message, context, cause } = error;
  const options = others.map((number) => `--repo=${number}`).join(" or ");
  const advice = `This was repository ${firstRepository(settings)}; try another one with ${options}.`;
  const hint = error.hint === undefined ? advice : `${error.hint} ${advice}`;
  return new HindsightError(code, exitCode, message, { hint, context, cause });
}

/** Where a repository is. */
export function storeSettings(settings: Settings, number: number): StoreSettings {
  return { type: "posix", path: settings.get("repo-path", number) };
}

/** The store of a repository; nothing is asked of it yet. */
export function repositoryStore(settings: Settings, number: number, context: Context): ObjectStore {
  return openStore(storeSettings(settings, number), context);
}

/**
 * Opens one repository with the key that the settings name.
 *
 * @throws {HindsightError} what {@link openRepository} and {@link readSecret} throw.
 */
export function openNumbered(
  settings: Settings,
  number: number,
  context: Context,
): Promise<Repository> {
  const store = repositoryStore(settings, number, context);
  return openRepository(store, context, repositoryAccess(settings, number));
}

/** What is opened once need not be unlocked again by the same run. */
const accesses = new WeakMap<Settings, Map<number, RepositoryAccess>>();

/** How a repository is opened, or encrypted when it is created. Its secret is read when it is needed. */
export function repositoryAccess(settings: Settings, number: number): RepositoryAccess {
  if (settings.get("repo-cipher-type", number) === "none") return PLAIN_ACCESS;
  const ofRun = accesses.getOrInsertComputed(settings, () => new Map<number, RepositoryAccess>());
  return ofRun.getOrInsertComputed(number, () =>
    createAccess((context) => readSecret(settings, { purpose: "repo-cipher", number }, context)),
  );
}

/**
 * Opens the stanza of the settings in one repository.
 *
 * @throws {HindsightError} `CONFIG_OPTION_MISSING` without stanza, `REPOSITORY_…`, `STANZA_UNKNOWN`
 */
export async function openArchive(
  settings: Settings,
  number: number,
  context: Context,
): Promise<WalArchive> {
  const stanza = settings.requireStanza();
  const repository = await openNumbered(settings, number, context);
  return { repository, stanza, record: await readStanza(repository, stanza, context) };
}

const KINDS = { none: "none", gz: "gzip", lz4: "lz4", zst: "zstd", bz2: "zstd" } as const;

/** Why 1 for zstd: docs/decisions/0017. */
const LEVELS_DEFAULT = { zstd: 1, gzip: 6, lz4: 0, none: 0 } as const;

/** How new objects are compressed. What does not exist here is replaced by zstd; a warning said so. */
export function compressionChoice(settings: Settings): CompressionChoice {
  const type = settings.get("compress-type");
  const kind = KINDS[type];
  const level = type === "bz2" ? undefined : settings.get("compress-level");
  return { kind, level: level ?? LEVELS_DEFAULT[kind] };
}
