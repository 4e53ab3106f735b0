// What a rule of tidiness is.

/** A text file of the checkout. */
export interface SourceFile {
  /** Relative to the checkout, parts joined by `/`. */
  readonly path: string;
  readonly text: string;
}

/** Something that is not as it should be. */
export interface Finding {
  readonly path: string;
  /** Counted from 1; 1 when it is about the whole file. */
  readonly line: number;
  readonly message: string;
}

/** Looks at one file, and at the others where it must; says what is wrong with the one. */
export type Rule = (file: SourceFile, files: readonly SourceFile[]) => readonly Finding[];

/** Findings for the lines of a file that `isWrong` says something about. */
export function findLines(
  file: SourceFile,
  isWrong: (line: string, index: number, lines: readonly string[]) => string | undefined,
): readonly Finding[] {
  return file.text.split("\n").flatMap((line, index, lines) => {
    const message = isWrong(line, index, lines);
    return message === undefined ? [] : [{ path: file.path, line: index + 1, message }];
  });
}
