// A command that is shown to be typed next must work where this one did.
import type { Settings } from "../config/settings.ts";

/** Options that a command which this one advises needs as this one did: configuration, stanza, repository. */
export function followingOptions(settings: Settings): readonly string[] {
  const isGiven = settings.origin("config") === "flag" && settings.configFile !== undefined;
  const repo = settings.get("repo");
  return [
    ...(isGiven ? [`--config=${settings.configFile}`] : []),
    `--stanza=${settings.requireStanza()}`,
    ...(repo === undefined ? [] : [`--repo=${repo}`]),
  ];
}
