// Transaction ids with their epoch. WAL has the lower 32 bits; a checkpoint says the next id in full, and every id near
// it is less than half of the circle away.

const CIRCLE = 1n << 32n;

/**
 * @param xid as WAL has it.
 * @param nextXid the next id in full, at a checkpoint near the transaction; without it the epoch is taken for 0.
 */
export function fullXid(xid: number, nextXid: bigint | undefined): bigint {
  if (nextXid === undefined) return BigInt(xid);
  const ahead = BigInt.asIntN(32, BigInt(xid) - (nextXid % CIRCLE));
  return nextXid + ahead;
}

/**
 * Whether an id that somebody gave is that of a transaction.
 *
 * @param asked with its epoch, or below 2^32: then of whatever epoch.
 * @param xid as WAL has it.
 * @param nextXid as for {@link fullXid}; without it every epoch is right.
 */
export function isXid(asked: bigint, xid: number, nextXid: bigint | undefined): boolean {
  if (BigInt.asUintN(32, asked) !== BigInt(xid)) return false;
  return asked < CIRCLE || nextXid === undefined || fullXid(xid, nextXid) === asked;
}

/** Whether one id, as WAL has it, is older than another; of ids near each other, as those in use at a time are. */
export function precedesXid(left: number, right: number): boolean {
  return ((left - right) | 0) < 0;
}
