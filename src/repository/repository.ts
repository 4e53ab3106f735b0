import type { Context } from "../base/context.ts";
import type { Sealer } from "../codec/seal.ts";
import type { ObjectStore } from "../storage/object-store.ts";

export interface ProbeVerdict {
  readonly putIfAbsent: boolean;
  readonly listing: boolean;
}
export interface RepositoryRecord {
  readonly id: string;
  readonly createdAt: Temporal.Instant;
  readonly cipher: "none";
  readonly probe: ProbeVerdict;
}
export interface Repository {
  readonly store: ObjectStore;
  readonly id: string;
  readonly sealer: Sealer;
  readonly record: RepositoryRecord;
}
export function createRepository(
  _store: ObjectStore,
  _context: Context,
): Promise<{ repository: Repository; created: boolean }> {
  throw new Error("signature only");
}
export function openRepository(_store: ObjectStore, _context: Context): Promise<Repository> {
  throw new Error("signature only");
}
