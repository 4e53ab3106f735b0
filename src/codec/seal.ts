// The last step before bytes leave for the repository and the first after they return: sealing. An object has a seal of
// its own, with a key that nothing else is sealed with; each of its pieces opens only as what it is, where it is. Without
// encryption a seal does nothing. The one that encrypts: aes-seal.ts. Why this is enough: docs/repository-format.md.

/** Kinds of seals, as `repository.json` and `repo-cipher-type` name them. */
export const SEALS = ["none", "aes-256-gcm"] as const;
export type SealKind = (typeof SEALS)[number];

/** What is sealed of an object: its header's fields, its frames, or blobs, their page hashes and their directory. */
export type PieceKind = "fields" | "frame" | "blob" | "hashes" | "directory";

/** One piece of an object. */
export interface Piece {
  readonly kind: PieceKind;
  /** Among the pieces of its kind, from 0; no two pieces of one object have the same. */
  readonly number: number;
  /** Bytes that are stored in plain and that the piece must be found with again. */
  readonly bound: Uint8Array;
}

/** What the header of an object says about its seal. */
export interface SealMark {
  /** 32 bytes. */
  readonly salt: Uint8Array;
  /** 16 bytes; tell whether a key is the one that the object was sealed with. */
  readonly keyValue: Uint8Array;
}

/** The seal of one object, written or read. */
export interface ObjectSeal {
  readonly mark: SealMark;
  /** @returns `plain` itself, or bytes that are longer by {@link Sealer.overheadBytes}. */
  seal(plain: Uint8Array, piece: Piece): Uint8Array;
  /** @throws {HindsightError} `OBJECT_CORRUPT` when these bytes are not that piece. */
  open(sealed: Uint8Array, piece: Piece): Uint8Array;
}

/** Makes the seals of a repository's objects. */
export interface Sealer {
  readonly kind: SealKind;
  /** Bytes that sealing adds to a piece. */
  readonly overheadBytes: number;
  /** @param place the object: `<repository id>|<type>|<key>`; its pieces open for that one only. */
  begin(place: string): ObjectSeal;
  /** The seal of an object that was written before; undefined when it was not sealed for that place with our key. */
  resume(place: string, mark: SealMark): ObjectSeal | undefined;
}

/** Length of {@link SealMark.salt}. */
export const SALT_BYTES = 32;
/** Length of {@link SealMark.keyValue}. */
export const KEY_VALUE_BYTES = 16;

const PLAIN_SEAL: ObjectSeal = {
  mark: { salt: new Uint8Array(SALT_BYTES), keyValue: new Uint8Array(KEY_VALUE_BYTES) },
  seal: (plain) => plain,
  open: (sealed) => sealed,
};

/** Leaves bytes as they are. */
export const plainSealer: Sealer = {
  kind: "none",
  overheadBytes: 0,
  begin: () => PLAIN_SEAL,
  resume: () => PLAIN_SEAL,
};
