import type { Context } from "../base/context.ts";
import type { CompressionChoice } from "../codec/compress.ts";
import type { BackupLabel } from "../model/backup-label.ts";
import type { StanzaName } from "../model/stanza.ts";
import type { EncodedBlob } from "./blob.ts";
import type { PackEntry } from "./pack-format.ts";
import type { Repository } from "./repository.ts";

export type { PackEntry } from "./pack-format.ts";
export interface BlobRef {
  readonly pack: number;
  readonly blob: number;
}
export interface PackWriterOptions {
  readonly stanza: StanzaName;
  readonly label: BackupLabel;
  readonly nextPackNumber: () => number | Promise<number>;
  readonly compression: CompressionChoice;
  readonly pageSizeBytes: number;
}
export class PackWriter implements AsyncDisposable {
  constructor(_repository: Repository, _options: PackWriterOptions, _context: Context) {}
  append(_plain: Uint8Array): Promise<BlobRef> {
    throw new Error("signature only");
  }
  appendEncoded(_blob: EncodedBlob): Promise<BlobRef> {
    throw new Error("signature only");
  }
  finish(): Promise<readonly PackEntry[]> {
    throw new Error("signature only");
  }
  [Symbol.asyncDispose](): Promise<void> {
    throw new Error("signature only");
  }
}
