import type { Context } from "../base/context.ts";
import type { StanzaName } from "../model/stanza.ts";
import type { PackEntry } from "./pack-format.ts";
import type { Repository } from "./repository.ts";

export class PackReader {
  readonly blobCount: number = 0;
  static open(
    _repository: Repository,
    _stanza: StanzaName,
    _entry: PackEntry,
    _context: Context,
  ): Promise<PackReader> {
    throw new Error("signature only");
  }
  blobPlainSize(_blob: number): number {
    throw new Error("signature only");
  }
  readBlob(_blob: number, _context: Context): Promise<Buffer> {
    throw new Error("signature only");
  }
  pageHashes(_blob: number): Promise<Buffer> {
    throw new Error("signature only");
  }
}
