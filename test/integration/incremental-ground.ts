// What tests of incremental backups share: what the command says of one, and whether a restore of the newest backup holds
// what the primary holds.
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "vitest";
import { createContext } from "../../src/base/context.ts";
import { stanzaName } from "../../src/model/stanza.ts";
import { openRepository } from "../../src/repository/repository.ts";
import { archiveId, readStanza } from "../../src/repository/stanza.ts";
import type { WalArchive } from "../../src/repository/wal-archive.ts";
import { openStore } from "../../src/storage/open-store.ts";
import { parseJson } from "../harness/workspace.ts";
import { contentsOf, expectVisible } from "../harness/contents.ts";
import type { ProtectedSite } from "../harness/protected.ts";
import { waitForArchived } from "../harness/wal.ts";

/** A backup as the command tells of it, and what it said meanwhile. */
export interface ToldBackup {
  readonly label: string;
  readonly type: string;
  readonly prior: string | null;
  readonly size: number;
  readonly delta: number;
  readonly contentScan: string | null;
  readonly log: string;
}

/** Takes a backup of that type; detailed messages are in its log. */
export async function takeBackup(
  { workspace }: ProtectedSite,
  type: string,
  parameters: readonly string[] = [],
): Promise<ToldBackup> {
  const result = await workspace.succeed([
    `--type=${type}`,
    "--log-level-console=detail",
    "--output=json",
    ...parameters,
    "backup",
  ]);
  return { ...parseJson<Omit<ToldBackup, "log">>(result), log: result.stderr };
}

/** Expects that what the newest backup restores to is what production holds, with a true visibility map. */
export async function expectRestoredAsPrimary(site: ProtectedSite, name: string): Promise<void> {
  await waitForArchived(site.production);
  const expected = await contentsOf(site.production);
  await using copy = await site.restore(name, []);
  await copy.start();
  await copy.waitForPromotion();
  expect([name, await contentsOf(copy)]).toEqual([name, expected]);
  await expectVisible(copy);
}

/** The archive of a site, as the command opens it. */
export async function openSiteArchive({ workspace }: ProtectedSite): Promise<WalArchive> {
  const context = createContext();
  const settings = { type: "posix", path: workspace.repositoryDirectory } as const;
  const repository = await openRepository(openStore(settings, context), context);
  const stanza = stanzaName(workspace.stanza);
  return { repository, stanza, record: await readStanza(repository, stanza, context) };
}

/** Removes an object that lies beside archived segments: `name` is that of a segment, or of its index. */
export async function removeArchived(site: ProtectedSite, name: string): Promise<void> {
  const { record } = await openSiteArchive(site);
  const { repositoryDirectory, stanza } = site.workspace;
  const folder = join(repositoryDirectory, "stanza", stanza, "archive", archiveId(record));
  await rm(join(folder, name.slice(0, 16), name));
}
