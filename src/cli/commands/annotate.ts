// `hindsight annotate`: changes the notes of a backup. The manifest stays as it is; the change lies beside it.
import { EXIT, failure } from "../../model/failure.ts";
import { addAnnotation } from "../../repository/annotation.ts";
import { readBackupHeader } from "../../repository/backup-headers.ts";
import type { WalArchive } from "../../repository/wal-archive.ts";
import { resolveLabel } from "../catalogue.ts";
import { inEachRepository } from "../each-repository.ts";
import type { Invocation } from "../invocation.ts";

interface Annotated {
  readonly label: string;
  readonly annotations: Readonly<Record<string, string>>;
}

/** Prints all notes of the backup as they are then, and throws for the first repository that failed. */
export async function run({ settings, context, output }: Invocation): Promise<number> {
  const set = settings.require("set");
  const notes = settings.get("annotation");
  requireNotes(notes);
  const work = async (archive: WalArchive): Promise<Annotated> => {
    const { repository, stanza } = archive;
    const label = await resolveLabel(set, archive, context);
    await addAnnotation(repository, stanza, label, { notes, context });
    const { annotations } = await readBackupHeader(repository, stanza, label, context);
    return { label, annotations };
  };
  const { done, problems } = await inEachRepository(
    settings,
    { work, elsewhere: "BACKUP_UNKNOWN" },
    context,
  );
  if (done.length > 0) {
    const lines = done.map(({ number, result: { label, annotations } }) => {
      const texts = Object.entries(annotations).map(([name, text]) => `\n  ${name}: ${text}`);
      return `repo${number}: backup ${label} has ${texts.length === 0 ? "no notes" : `the notes${texts.join("")}`}`;
    });
    output.result(
      lines.join("\n"),
      done.map(({ number, result }) => ({ repository: number, ...result })),
    );
  }
  if (problems[0]) throw problems[0];
  return EXIT.done;
}

function requireNotes(notes: Readonly<Record<string, string>>): void {
  const names = Object.keys(notes);
  if (names.length === 0) {
    throw failure("CONFIG_OPTION_MISSING", "annotate needs --annotation=NAME=TEXT", {
      hint: "It may be repeated; an empty TEXT takes the note away.",
    });
  }
  const wrong = names.find((name) => name === "__proto__" || !name.isWellFormed());
  if (wrong === undefined) return;
  throw failure("CONFIG_OPTION_INVALID", `a note cannot be named "${wrong}"`, {
    hint: "Choose another name.",
  });
}
