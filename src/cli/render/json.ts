// JSON as scripts get it: two spaces, numbers that JavaScript cannot hold as strings.

/** A value for JSON.stringify; commands format LSNs and instants themselves. */
export type JsonValue =
  | string
  | number
  | bigint
  | boolean
  | null
  | undefined
  | readonly JsonValue[]
  | { readonly [key: string]: JsonValue };

/** The text of a value: bigints become strings, undefined members are left out. */
export function formatJson(value: JsonValue): string {
  return JSON.stringify(
    value,
    (_key, member: unknown) => (typeof member === "bigint" ? String(member) : member),
    2,
  );
}
