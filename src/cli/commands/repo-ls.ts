// `hindsight repo-ls [PATH]`: what lies below a path of the repository, as its store lists it.
import { EXIT, failure } from "../../model/failure.ts";
import { listAll, listNames, type ObjectStore } from "../../storage/object-store.ts";
import type { Invocation } from "../invocation.ts";
import { firstRepository, repositoryStore } from "../repositories.ts";

interface Entry {
  readonly name: string;
  readonly type: "path" | "file";
  readonly sizeBytes: number | undefined;
}

/** Prints names, one a line; as JSON an object with the type and size of each, as pgBackRest has it. */
export async function run({ settings, words, context, output }: Invocation): Promise<number> {
  const store = repositoryStore(settings, firstRepository(settings), context);
  const path = (words[0] ?? "").replace(/^\/+|\/+$/g, "");
  const prefix = path === "" ? "" : `${path}/`;
  const filter = parseFilter(settings.get("filter"));
  const entries = settings.get("recurse")
    ? await listDeep(store, prefix, context.signal)
    : await listFlat(store, prefix, context.signal);
  const shown = entries.filter(({ name }) => filter === undefined || filter.test(name));
  const sorted = settings.get("sort") === "desc" ? shown.toReversed() : shown;
  output.result(
    sorted.map(({ name }) => name).join("\n"),
    Object.fromEntries(
      sorted.map(({ name, type, sizeBytes }) => [
        name,
        sizeBytes === undefined ? { type } : { type, size: sizeBytes },
      ]),
    ),
  );
  return EXIT.done;
}

async function listDeep(
  store: ObjectStore,
  prefix: string,
  signal: AbortSignal,
): Promise<readonly Entry[]> {
  const entries: Entry[] = [];
  for await (const { key, sizeBytes } of listAll(store, prefix, { signal })) {
    entries.push({ name: key.slice(prefix.length), type: "file", sizeBytes });
  }
  return entries;
}

async function listFlat(
  store: ObjectStore,
  prefix: string,
  signal: AbortSignal,
): Promise<readonly Entry[]> {
  const entries: Entry[] = [];
  for (const name of await listNames(store, prefix, { signal })) {
    if (name.endsWith("/")) {
      entries.push({ name: name.slice(0, -1), type: "path", sizeBytes: undefined });
      continue;
    }
    const found = await store.stat(prefix + name, { signal });
    if (found) entries.push({ name, type: "file", sizeBytes: found.sizeBytes });
  }
  return entries;
}

function parseFilter(text: string | undefined): RegExp | undefined {
  if (text === undefined) return undefined;
  try {
    return new RegExp(text, "u");
  } catch (cause) {
    throw failure("CONFIG_OPTION_INVALID", `--filter is no regular expression: "${text}"`, {
      hint: "Write it as JavaScript does, such as '[0-9A-F]{24}$'.",
      cause,
    });
  }
}
