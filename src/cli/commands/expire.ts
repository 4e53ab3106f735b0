// `hindsight expire`: what retention no longer keeps, or one backup that is named.
import { EXIT, failure } from "../../model/failure.ts";
import { expireRepositories, type NamedBackup } from "../expire-run.ts";
import type { Invocation } from "../invocation.ts";
import { expiryJson } from "../render/expire-json.ts";
import { expiryText } from "../render/expire-text.ts";

/** Prints what was done in the repositories that could be expired, then throws for the first that could not. */
export async function run({ settings, context, output }: Invocation): Promise<number> {
  const stanza = settings.requireStanza();
  const isDryRun = settings.get("dry-run");
  const named = namedBackup(settings.get("set"), settings.get("oldest"));
  const { done, problems } = await expireRepositories(settings, { named, isDryRun }, context);
  if (done.length > 0) {
    const graceMs = settings.get("expire-grace");
    const report = { stanza, isDryRun, graceMs, repositories: done };
    output.result(expiryText(report), expiryJson(report));
  }
  if (problems[0]) throw problems[0];
  return EXIT.done;
}

function namedBackup(set: string | undefined, oldest: boolean): NamedBackup {
  if (set !== undefined && oldest) {
    throw failure("CONFIG_OPTION_INVALID", "--set and --oldest name different backups", {
      hint: "Keep one of them.",
    });
  }
  if (oldest) return "oldest";
  return set === undefined ? undefined : { text: set };
}
