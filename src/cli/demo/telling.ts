// How the demonstration speaks: chapters, commands as they would be typed, their real output, and tables of counts.
// Writes through the function it is given; colour only when asked for.

/** The narrator's voice: everything the demonstration shows goes through one of these. */
export interface Telling {
  /** A new part of the story. */
  chapter(title: string): void;
  /** A sentence of the narrator. */
  say(text: string): void;
  /** A command line as a DBA would type it. */
  typed(commandLine: string): void;
  /** What a command or a server answered, indented. */
  output(text: string): void;
  /** Two columns, values right-aligned under a heading. */
  table(rows: readonly (readonly string[])[]): void;
}

/**
 * @param write receives text that ends in a newline.
 * @param colour whether escape sequences may be used.
 */
export function createTelling(write: (text: string) => void, colour: boolean): Telling {
  const paint = (code: number, text: string): string =>
    colour ? `\u001B[${code}m${text}\u001B[0m` : text;
  let chapterCount = 0;
  return {
    chapter: (title) => {
      chapterCount += 1;
      write(`\n${paint(1, `${chapterCount}. ${title}`)}\n`);
    },
    say: (text) => write(`   ${text}\n`),
    typed: (commandLine) => write(`   ${paint(36, `$ ${commandLine}`)}\n`),
    output: (text) => {
      for (const line of text.trimEnd().split("\n")) write(`   ${paint(2, "|")} ${line}\n`);
    },
    table: (rows) => {
      for (const line of alignTable(rows)) write(`   ${line}\n`);
    },
  };
}

/** Pads columns to one width: the first to the left, the others to the right. */
function alignTable(rows: readonly (readonly string[])[]): readonly string[] {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [column, cell] of row.entries())
      widths[column] = Math.max(widths[column] ?? 0, cell.length);
  }
  return rows.map((row) =>
    row
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join("   ")
      .trimEnd(),
  );
}
