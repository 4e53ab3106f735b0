// Commands that are shown to be typed next: words that a shell takes as they are meant.

/** One word for a POSIX shell. */
export function shellWord(word: string): string {
  return /^[A-Za-z0-9_./:=,@%+-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** What a restore beside production depends on. */
export interface RestoreAdvice {
  /** Options that the command which is running was given, and the next one needs. */
  readonly following: readonly string[];
  /** `--type` and what belongs to it. */
  readonly target: readonly string[];
  readonly timeline: number;
  /** Label of the backup to begin from. */
  readonly backup: string;
}

/** Another port than production's, so that nobody takes the copy for it; its socket has a directory of its own. */
const PORT = 5444;

/** The command that restores beside the cluster, never over it; the directory is for its reader to choose. */
export function restoreCommandLine(advice: RestoreAdvice): string {
  const words = [
    ...advice.following,
    ...advice.target,
    `--target-timeline=${advice.timeline}`,
    `--set=${advice.backup}`,
    "--pg1-path=DIRECTORY",
    "--start",
    `--port=${PORT}`,
    "restore",
  ];
  return ["hindsight", ...words].map(shellWord).join(" ");
}
