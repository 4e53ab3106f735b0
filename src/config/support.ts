// What this release cannot do, said before anything is done: options without effect are named in one warning, options
// that would be dangerous to ignore are refused.
import { failure } from "../model/failure.ts";
import { isThisMachine } from "./host.ts";
import type { OptionDefinition } from "./option.ts";
import { optionDefinition, type OptionName, writtenName } from "./options.ts";
import { givenSecret, secretOptions } from "./secret-option.ts";
import type { GivenSetting, Settings } from "./settings.ts";

/**
 * The sentences to warn with about options that have no effect.
 *
 * @throws {HindsightError} `CONFIG_OPTION_UNSUPPORTED` for options that must not be ignored.
 */
export function checkEffects(given: Iterable<GivenSetting>, command: string): readonly string[] {
  const idle: string[] = [];
  for (const setting of given) {
    const definition = optionDefinition(setting.name);
    if (definition.effect === undefined || asksForPresent(definition, setting)) continue;
    if (definition.commands && !definition.commands.includes(command)) continue;
    const written = writtenName(setting.name, setting.number);
    if (definition.effect === "refused") throw unsupported(written);
    idle.push(written);
  }
  if (idle.length === 0) return [];
  return [`without effect in this release: ${[...new Set(idle)].toSorted().join(", ")}`];
}

/** Whether the setting asks for what happens anyway. */
function asksForPresent(definition: OptionDefinition, setting: GivenSetting): boolean {
  const present = definition.present ?? definition.default;
  if (present === undefined) return false;
  if (definition.type === "boolean") return setting.value === (present === "y");
  return setting.texts.length === 1 && setting.texts[0] === present;
}

function unsupported(written: string): Error {
  return failure("CONFIG_OPTION_UNSUPPORTED", `${written} does not exist in this release`, {
    hint: "Ignoring it would give another result than the one asked for; leave it out.",
  });
}

/** Commands that PostgreSQL itself calls: they run on the cluster's host by definition, and every millisecond counts. */
const SERVER_COMMANDS = ["archive-push", "archive-get"];
/** Commands that touch neither repository nor cluster. */
const FREE_COMMANDS = ["help", "version", "demo"];

/**
 * Checks hosts, repository types and ciphers of everything that is configured.
 *
 * @returns sentences to warn with.
 * @throws {HindsightError} `CONFIG_OPTION_UNSUPPORTED`
 */
export async function checkSupport(settings: Settings): Promise<readonly string[]> {
  if (FREE_COMMANDS.includes(settings.command)) return [];
  for (const number of settings.numbers("repo")) await checkRepository(settings, number);
  if (!SERVER_COMMANDS.includes(settings.command)) {
    for (const number of settings.numbers("pg")) await checkHost(settings, "pg-host", number);
  }
  return checkCompression(settings);
}

async function checkRepository(settings: Settings, number: number): Promise<void> {
  const shown = (name: OptionName): string => writtenName(name, number);
  const type = settings.get("repo-type", number);
  if (type !== "posix") {
    throw failure(
      "CONFIG_OPTION_UNSUPPORTED",
      `${shown("repo-type")}=${type} does not exist in this release`,
      { hint: "Use a repository on a filesystem (posix)." },
    );
  }
  const cipher = settings.get("repo-cipher-type", number);
  if (cipher === "aes-256-cbc") {
    throw failure(
      "CONFIG_OPTION_UNSUPPORTED",
      `${shown("repo-cipher-type")}=aes-256-cbc is not offered: it cannot tell that stored data was changed`,
      { hint: `Use ${shown("repo-cipher-type")}=aes-256-gcm.` },
    );
  }
  checkSecrets(settings, number, cipher);
  await checkHost(settings, "repo-host", number);
}

/** An encrypted repository needs exactly one secret, any other none. */
function checkSecrets(settings: Settings, number: number, cipher: "none" | "aes-256-gcm"): void {
  const type = writtenName("repo-cipher-type", number);
  const given = givenSecret(settings, "repo-cipher", number);
  if (cipher === "none" && given) {
    throw failure("CONFIG_OPTION_INVALID", `${given.option} is given, but ${type} is none`, {
      hint: `Nothing would be encrypted: set ${type}=aes-256-gcm, or leave ${given.option} out.`,
    });
  }
  if (cipher === "none" || given) return;
  throw failure("CONFIG_OPTION_MISSING", `${type} is ${cipher}, but there is no key`, {
    hint: `Give ${secretOptions("repo-cipher", number)}.`,
  });
}

async function checkHost(
  settings: Settings,
  name: "pg-host" | "repo-host",
  number: number,
): Promise<void> {
  const host = settings.get(name, number);
  if (host === undefined || (await isThisMachine(host))) return;
  const written = writtenName(name, number);
  throw failure("CONFIG_OPTION_UNSUPPORTED", `${written}=${host} is not this machine`, {
    hint: `Remote hosts do not exist in this release: run hindsight on ${host} and leave ${written} out.`,
  });
}

/** @throws {HindsightError} `CONFIG_OPTION_INVALID` for a level that gz does not have. */
function checkCompression(settings: Settings): readonly string[] {
  const type = settings.get("compress-type");
  const level = settings.get("compress-level");
  switch (type) {
    case "bz2":
      return ["compress-type=bz2 does not exist here; new objects are compressed with zst"];
    case "lz4":
      return level === undefined ? [] : ["compress-level has no effect: lz4 has one level here"];
    case "gz":
      if (level === undefined || (level >= 0 && level <= GZ_LEVEL_MAX)) return [];
      throw failure("CONFIG_OPTION_INVALID", `compress-level=${level} is no level of gz`, {
        hint: `gz has the levels 0 to ${GZ_LEVEL_MAX}.`,
      });
    case "zst":
    case "none":
      return [];
  }
}

const GZ_LEVEL_MAX = 9;
