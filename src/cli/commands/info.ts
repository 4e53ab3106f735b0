// `hindsight info`: stanzas, backups and WAL, in pgBackRest's text and JSON, with what Hindsight knows beside it.
import { EXIT } from "../../model/failure.ts";
import type { Invocation } from "../invocation.ts";
import { infoJson } from "../render/info-json.ts";
import { infoText } from "../render/info-text.ts";
import { readStatuses } from "../stanza-status.ts";

/** Prints the catalogue. A stanza in a bad state is a finding, not a failure of the command. */
export async function run({ settings, context, output }: Invocation): Promise<number> {
  const statuses = await readStatuses(settings, context);
  const label = settings.get("set");
  output.result(
    infoText(statuses, label),
    statuses.map((status) => infoJson(status, label)),
  );
  return EXIT.done;
}
