// `hindsight stop`: nothing writes the repository from this host until `hindsight start`.
import { EXIT, failure } from "../../model/failure.ts";
import type { Invocation } from "../invocation.ts";
import { createStopFile } from "../stop-file.ts";

/** @throws {HindsightError} `CONFIG_OPTION_UNSUPPORTED` for --force. */
export async function run({ settings, output }: Invocation): Promise<number> {
  if (settings.get("force")) {
    throw failure("CONFIG_OPTION_UNSUPPORTED", "stop --force does not exist in this release", {
      hint: "Stop without it, and end what runs with SIGTERM: a backup then leaves nothing behind.",
    });
  }
  const { stanza } = settings;
  const isNew = await createStopFile(settings, stanza);
  const subject = stanza === undefined ? "all stanzas" : `stanza ${stanza}`;
  output.result(isNew ? `${subject}: stopped on this host` : `${subject}: stopped already`, {
    stanza: stanza ?? null,
    stopped: true,
    changed: isNew,
  });
  return EXIT.done;
}
