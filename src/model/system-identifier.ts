// The number initdb gives a cluster: a uint64 that no JavaScript number can hold, so it is a bigint here and a decimal
// string in JSON.

declare const systemIdentifierBrand: unique symbol;

/** The number that initdb gives a cluster, 64 bits; copies and standbys share it. */
export type SystemIdentifier = bigint & { readonly [systemIdentifierBrand]: true };

/** @throws {RangeError} outside 0 … 2^64-1. */
export function systemIdentifier(value: bigint | string): SystemIdentifier {
  const number = BigInt(value);
  if (number < 0n || number >= 1n << 64n)
    throw new RangeError(`system identifier out of range: ${number}`);
  return number as SystemIdentifier;
}
