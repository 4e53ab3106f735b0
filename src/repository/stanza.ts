import type { Context } from "../base/context.ts";
import type { StanzaName } from "../model/stanza.ts";
import type { SystemIdentifier } from "../model/system-identifier.ts";
import type { Repository } from "./repository.ts";

export interface StanzaRecord {
  readonly number: number;
  readonly databaseId: number;
  readonly systemIdentifier: SystemIdentifier;
  readonly majorVersion: number;
  readonly catalogVersion: number;
  readonly controlVersion: number;
  readonly segmentSizeBytes: number;
  readonly createdAt: Temporal.Instant;
}
export type ClusterIdentity = Omit<StanzaRecord, "number" | "databaseId" | "createdAt">;
export function createStanza(
  _repository: Repository,
  _name: StanzaName,
  _facts: ClusterIdentity,
  _context: Context,
): Promise<{ record: StanzaRecord; created: boolean }> {
  throw new Error("signature only");
}
export function readStanza(
  _repository: Repository,
  _name: StanzaName,
  _context: Context,
): Promise<StanzaRecord> {
  throw new Error("signature only");
}
export function listStanzas(
  _repository: Repository,
  _context: Context,
): Promise<readonly StanzaName[]> {
  throw new Error("signature only");
}
export function archiveId(record: StanzaRecord): string {
  return `${record.majorVersion}-${record.databaseId}`;
}
