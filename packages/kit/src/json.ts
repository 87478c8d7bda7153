/**
 * JSON whose integers stay exact. IPAM sequence numbers are unsigned 64-bit (Calico seeds them with nanoseconds since
 * 1970), beyond the 2^53 that a JavaScript number holds: such integers are read as bigint and written back as bare digits.
 */
export type JsonValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | readonly JsonValue[]
  | { readonly [key: string]: JsonValue };

// The TC39 "JSON.parse source text access" proposal, in V8 since 11.4, not yet in TypeScript's library.
interface RawJson {
  parse(
    text: string,
    reviver: (this: unknown, key: string, value: unknown, context: { source?: string }) => unknown,
  ): unknown;
  rawJSON(text: string): unknown;
}
const rawJson = JSON as unknown as RawJson;

const INTEGER = /^-?\d+$/;

/** Parses JSON text; integers that a number cannot hold exactly become bigint. Throws SyntaxError as JSON.parse does. */
export function parseJson(text: string): JsonValue {
  return rawJson.parse(text, (_key, value, context) =>
    typeof value === "number" && !Number.isSafeInteger(value) && INTEGER.test(context.source ?? "")
      ? BigInt(context.source ?? "")
      : value,
  ) as JsonValue;
}

/** Compact JSON text; bigint is written as a bare integer, undefined members are left out. */
export function stringifyJson(value: unknown, indent?: number): string {
  return JSON.stringify(
    value,
    (_key, member: unknown) => (typeof member === "bigint" ? rawJson.rawJSON(member.toString()) : member),
    indent,
  );
}
