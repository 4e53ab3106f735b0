// `hindsight key ACTION`: the key slots of an encrypted repository. Changing a key takes three steps by hand, add, configure
// every host, remove: in one step archiving would fail until the last host is configured.
import { createFileDurably } from "../../base/durable-file.ts";
import type { Context } from "../../base/context.ts";
import { errorMessage, HindsightError } from "../../base/errors.ts";
import { SecretBytes } from "../../base/secret.ts";
import type { Settings } from "../../config/settings.ts";
import { EXIT, failure } from "../../model/failure.ts";
import { KEY_FILE_BYTES, isProven } from "../../repository/key-slot.ts";
import { addSlot, type ListedSlot, listSlots, removeSlot } from "../../repository/key-slots.ts";
import { isSlotName } from "../../repository/keys.ts";
import type { Repository } from "../../repository/repository.ts";
import type { OpenedKey } from "../../repository/root-key.ts";
import type { Invocation } from "../invocation.ts";
import type { JsonValue } from "../render/json.ts";
import { formatTable } from "../render/table.ts";
import { firstRepository, openNumbered, repositoryNumbers } from "../repositories.ts";
import { readSecret } from "../repository-secret.ts";

/** @throws {HindsightError} `COMMAND_ARGUMENT_INVALID`, `REPOSITORY_NOT_ENCRYPTED`, and what opening throws. */
export async function run(invocation: Invocation): Promise<number> {
  const [action, name] = invocation.words;
  switch (action) {
    case "list":
      return await list(invocation);
    case "add":
      return await add(invocation, name);
    case "remove":
      return await remove(invocation, name);
    case "generate":
      return await generate(invocation, name);
    default:
      throw failure("COMMAND_ARGUMENT_INVALID", `key cannot "${action}"`, {
        hint: "Use `hindsight key list`, `add [NAME]`, `remove NAME` or `generate FILE`.",
      });
  }
}

/** A repository that has keys. */
interface Encrypted {
  readonly number: number;
  readonly repository: Repository;
  readonly key: OpenedKey;
}

async function openEncrypted(
  settings: Settings,
  number: number,
  context: Context,
): Promise<Encrypted> {
  const repository = await openNumbered(settings, number, context);
  const { key } = repository;
  if (key) return { number, repository, key };
  throw failure("REPOSITORY_NOT_ENCRYPTED", `repository ${number} is not encrypted`, {
    hint: "A repository is encrypted from its creation or never; see docs/encryption.md.",
  });
}

async function list({ settings, context, output }: Invocation): Promise<number> {
  const rows: string[][] = [];
  const json: JsonValue[] = [];
  for (const number of repositoryNumbers(settings)) {
    const encrypted = await openEncrypted(settings, number, context);
    for (const listed of await listSlots(encrypted.repository, context)) {
      const facts = slotFacts(listed, encrypted);
      rows.push([`repo${number}`, facts.name, facts.kind, facts.createdAt, facts.host, facts.note]);
      json.push({ ...facts, "repo-key": number, inUse: facts.name === encrypted.key.slot });
    }
  }
  const head = ["REPOSITORY", "SLOT", "KIND", "CREATED", "HOST", "NOTE"];
  output.result(formatTable([head, ...rows]), { slots: json });
  return EXIT.done;
}

function slotFacts(
  { name, slot, problem }: ListedSlot,
  { repository, key }: Encrypted,
): Record<"name" | "kind" | "createdAt" | "host" | "note", string> {
  if (!slot) return { name, kind: "?", createdAt: "?", host: "?", note: problem };
  const isOurs = isProven(slot, key.rootKey, repository.id);
  const note = isOurs ? "" : "not made by a holder of the key, or damaged";
  return {
    name,
    kind: slot.kind,
    createdAt: slot.createdAt.toString({ smallestUnit: "second" }),
    host: slot.host,
    note: name === key.slot ? "in use" : note,
  };
}

async function add(
  { settings, context, output }: Invocation,
  name: string | undefined,
): Promise<number> {
  if (name !== undefined && !isSlotName(name)) {
    throw failure("COMMAND_ARGUMENT_INVALID", `a key slot cannot be called "${name}"`, {
      hint: "A name is 1 to 40 lower-case letters, digits and dashes, and does not begin with a dash.",
    });
  }
  const { repository, key, number } = await openOne(settings, context);
  const secret = await readSecret(settings, { purpose: "new-cipher", number }, context);
  using _ = secret.bytes;
  const { kind } = secret;
  if (settings.get("dry-run")) {
    output.result(`would add a key slot for a ${kind} to repository ${number}`, {
      dryRun: true,
      kind,
      "repo-key": number,
    });
    return EXIT.done;
  }
  const slot = await addSlot(repository, { rootKey: key.rootKey, secret, name }, context);
  output.result(`added key slot ${slot.name} to repository ${number}`, {
    name: slot.name,
    kind,
    "repo-key": number,
  });
  return EXIT.done;
}

async function remove(
  { settings, context, output }: Invocation,
  name: string | undefined,
): Promise<number> {
  if (name === undefined || !isSlotName(name)) {
    throw failure("COMMAND_ARGUMENT_INVALID", "key remove needs the name of a slot", {
      hint: "`hindsight key list` lists them.",
    });
  }
  const { repository, key, number } = await openOne(settings, context);
  const dryRun = settings.get("dry-run");
  await removeSlot(repository, { name, opened: key, dryRun }, context);
  const what = dryRun ? "would remove" : "removed";
  output.result(`${what} key slot ${name} of repository ${number}`, {
    name,
    dryRun,
    "repo-key": number,
  });
  return EXIT.done;
}

/** Keys of one repository are changed at a time, and never of one that was not meant. */
async function openOne(settings: Settings, context: Context): Promise<Encrypted> {
  const numbers = repositoryNumbers(settings);
  if (numbers.length === 1) {
    return await openEncrypted(settings, firstRepository(settings), context);
  }
  throw failure("CONFIG_OPTION_MISSING", "there are several repositories", {
    hint: `Name one with ${numbers.map((number) => `--repo=${number}`).join(" or ")}.`,
  });
}

async function generate(
  { settings, context, output }: Invocation,
  path: string | undefined,
): Promise<number> {
  if (path === undefined) {
    throw failure("COMMAND_ARGUMENT_INVALID", "key generate needs the path of the new file");
  }
  const dryRun = settings.get("dry-run");
  if (!dryRun) await createKeyFile(path, context);
  output.result(`${dryRun ? "would write" : "wrote"} a new key to ${path}; keep a copy elsewhere`, {
    path,
    dryRun,
  });
  return EXIT.done;
}

async function createKeyFile(path: string, { random }: Context): Promise<void> {
  using key = new SecretBytes(random.bytes(KEY_FILE_BYTES));
  try {
    if ((await createFileDurably(path, key.reveal(), { mode: 0o600 })) === "created") return;
  } catch (error) {
    if (error instanceof HindsightError) throw error;
    throw failure("COMMAND_ARGUMENT_INVALID", `cannot write ${path}: ${errorMessage(error)}`, {
      hint: "Choose a directory that this user can write.",
      cause: error,
    });
  }
  throw failure("COMMAND_ARGUMENT_INVALID", `${path} exists already`, {
    hint: "A key is never overwritten: choose another name.",
  });
}
