// `hindsight start`: work that `hindsight stop` forbade may go on.
import { EXIT } from "../../model/failure.ts";
import type { Invocation } from "../invocation.ts";
import { findStopFile, removeStopFiles } from "../stop-file.ts";

/** Starting what is not stopped changes nothing. What is stopped for all stanzas stays so when one is started. */
export async function run({ settings, context, output }: Invocation): Promise<number> {
  const { stanza } = settings;
  const removed = await removeStopFiles(settings, stanza);
  const left = await findStopFile(settings, stanza);
  if (left !== undefined) {
    context.log.warn(`everything is stopped still by ${left}: start without a stanza removes it`);
  }
  const subject = stanza === undefined ? "all stanzas" : `stanza ${stanza}`;
  const changed = removed.length > 0;
  output.result(changed ? `${subject}: started` : `${subject}: was not stopped`, {
    stanza: stanza ?? null,
    stopped: left !== undefined,
    changed,
  });
  return EXIT.done;
}
