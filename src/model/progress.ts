/** How far the copying of many files is, into a backup or out of one, as of what was done last. */
export interface CopyProgress {
  readonly bytesDone: number;
  readonly bytesTotal: number;
  readonly filesDone: number;
  readonly filesTotal: number;
}
