// `hindsight repo-get KEY`: one object on standard output, as it is stored; with --decode what is in it, proven.
import { EXIT, failure } from "../../model/failure.ts";
import { archiveObjectOf } from "../../repository/archive-objects.ts";
import { readFactText } from "../../repository/fact.ts";
import type { Repository } from "../../repository/repository.ts";
import { listStanzaRecords, listStanzas } from "../../repository/stanza.ts";
import { getWalFile } from "../../repository/wal-archive.ts";
import type { ObjectKey } from "../../storage/object-store.ts";
import type { Context } from "../../base/context.ts";
import type { Invocation } from "../invocation.ts";
import { firstRepository, openNumbered, repositoryStore } from "../repositories.ts";
import { writeBytes } from "../render/streams.ts";

/** Bytes fetched at a time. */
const WINDOW_BYTES = 8 * 1024 * 1024;

/** @throws {HindsightError} `OBJECT_MISSING`, unless it is to be ignored; `CONFIG_OPTION_UNSUPPORTED` for --decode of a pack. */
export async function run(invocation: Invocation): Promise<number> {
  const { settings, words, context } = invocation;
  const key = (words[0] ?? "").replace(/^\/+/, "");
  const number = firstRepository(settings);
  const isFound = settings.get("decode")
    ? await writeDecoded(await openNumbered(settings, number, context), key, context)
    : await writeStored(invocation, key);
  if (isFound || settings.get("ignore-missing")) return EXIT.done;
  throw failure("OBJECT_MISSING", `there is no object ${key}`, {
    hint: "`hindsight repo-ls --recurse` lists the objects.",
    context: { key },
  });
}

async function writeStored({ settings, context }: Invocation, key: ObjectKey): Promise<boolean> {
  const store = repositoryStore(settings, firstRepository(settings), context);
  const { signal } = context;
  for (let offsetBytes = 0; ; offsetBytes += WINDOW_BYTES) {
    const range = { offsetBytes, lengthBytes: WINDOW_BYTES };
    const bytes = await store.get(key, { range, signal });
    if (!bytes) return false;
    await writeBytes(bytes);
    if (bytes.length < WINDOW_BYTES) return true;
  }
}

async function writeDecoded(
  repository: Repository,
  key: ObjectKey,
  context: Context,
): Promise<boolean> {
  const wal = await readWal(repository, key, context);
  if (wal) {
    await writeBytes(wal);
    return true;
  }
  const text = await readFactText(repository, key, context);
  if (text === undefined) return false;
  await writeBytes(Buffer.from(`${text}\n`));
  return true;
}

/** The content of a file of a WAL archive; undefined for any other key. */
async function readWal(
  repository: Repository,
  key: ObjectKey,
  context: Context,
): Promise<Buffer | undefined> {
  const stanza = (await listStanzas(repository, context)).find((name) =>
    key.startsWith(`stanza/${name}/archive/`),
  );
  if (stanza === undefined) return undefined;
  for (const record of await listStanzaRecords(repository, stanza, context)) {
    const archive = { repository, stanza, record };
    const kind = archiveObjectOf(archive, key)?.kind;
    if (kind === undefined || kind === "gap" || kind === "index" || kind === "unknown") continue;
    return await getWalFile(archive, key.slice(key.lastIndexOf("/") + 1), context);
  }
  return undefined;
}
