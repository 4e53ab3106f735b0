// The ways in which a secret of a repository can be given, of which exactly one is taken: the one that opens it, and the
// one that a new key slot is made for.
import { failure } from "../model/failure.ts";
import { type OptionName, writtenName } from "./options.ts";
import type { Settings } from "./settings.ts";

/** Which secret: the one that opens the repository, or the one that shall open it as well. */
export type SecretPurpose = "repo-cipher" | "new-cipher";

const SUFFIXES = ["key-file", "pass-file", "pass-command", "pass"] as const;

/** One way in which a secret was given. */
export interface GivenSecret {
  readonly way: (typeof SUFFIXES)[number];
  /** The option as users write it. */
  readonly option: string;
}

/**
 * How the secret was given.
 *
 * @param number of the repository.
 * @returns undefined when it was not.
 * @throws {HindsightError} `CONFIG_OPTION_INVALID` when it was given in two ways.
 */
export function givenSecret(
  settings: Settings,
  purpose: SecretPurpose,
  number: number,
): GivenSecret | undefined {
  const [first, second] = SUFFIXES.map((way) => {
    const name: OptionName = `${purpose}-${way}`;
    const isGiven = settings.get(name, number) !== undefined;
    return { way, option: writtenName(name, number), isGiven };
  }).filter(({ isGiven }) => isGiven);
  if (!first || !second) return first;
  throw failure("CONFIG_OPTION_INVALID", `both ${first.option} and ${second.option} are given`, {
    hint: "Keep one of them.",
  });
}

/** The options of which one is missing, for a hint. */
export function secretOptions(purpose: SecretPurpose, number: number): string {
  const names = SUFFIXES.map((way) => writtenName(`${purpose}-${way}`, number));
  return `${names.slice(0, -1).join(", ")} or ${names.at(-1)}`;
}
