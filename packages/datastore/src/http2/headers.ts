import type { TableEntry } from "./hpack/dynamic-table.ts";

/** Header fields by name in lower case; of those that came several times, the values with commas between. */
export type Headers = Readonly<Record<string, string | undefined>>;

const NAME = /^:?[!#$%&'*+\-.^_`|~0-9a-z]+$/;
const BAD_VALUE = /[\0\r\n]/;

/** RFC 9113 §8.2.2: they belong to HTTP/1.1's connections. */
const FORBIDDEN: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "transfer-encoding",
  "upgrade",
]);

const PSEUDO = {
  request: new Set([":method", ":scheme", ":authority", ":path"]),
  response: new Set([":status"]),
  trailers: new Set<string>(),
} as const;

/** Undefined: malformed (RFC 9113 §8.1.1). */
export function headersFrom(entries: readonly TableEntry[], kind: keyof typeof PSEUDO): Headers | undefined {
  const headers: Record<string, string> = Object.create(null);
  let regular = false;
  for (const { name, value } of entries) {
    if (name.startsWith(":")) {
      if (regular || !PSEUDO[kind].has(name) || headers[name] !== undefined) return undefined;
    } else {
      regular = true;
      if (FORBIDDEN.has(name)) return undefined;
    }
    if (!NAME.test(name) || BAD_VALUE.test(value)) return undefined;
    const before = headers[name];
    headers[name] = before === undefined ? value : `${before}${name === "cookie" ? "; " : ", "}${value}`;
  }
  return isComplete(headers, kind) ? headers : undefined;
}

function isComplete(headers: Headers, kind: keyof typeof PSEUDO): boolean {
  switch (kind) {
    case "request":
      return (headers[":path"] ?? "") !== "" && headers[":method"] !== undefined && headers[":scheme"] !== undefined;
    case "response":
      return /^\d{3}$/.test(headers[":status"] ?? "");
    case "trailers":
      return true;
  }
}
