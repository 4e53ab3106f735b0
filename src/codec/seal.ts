// The last step before bytes leave for the repository and the first after they return: sealing. Without encryption it
// does nothing. Every object names the kind of its seal, and every piece is sealed for one place only, its `context`,
// so that encryption can arrive without a change of layout.

/** Kinds of seals; only `none` is built. */
const SEALS = ["none", "aes-256-gcm"] as const;
export type SealKind = (typeof SEALS)[number];

/** Seals and opens pieces of objects. */
export interface Sealer {
  readonly kind: SealKind;
  /** @param context where the piece belongs: `<repository id>|<type>|<key>|<piece>`; it opens nowhere else. */
  seal(plain: Uint8Array, context: string): Uint8Array;
  /** @throws {HindsightError} `OBJECT_CORRUPT` when the piece was not sealed for that context, or was changed. */
  open(sealed: Uint8Array, context: string): Uint8Array;
}

/** Leaves bytes as they are. */
export const plainSealer: Sealer = {
  kind: "none",
  seal: (plain) => plain,
  open: (sealed) => sealed,
};
