import { type Address, addressFromBytes, ByteReader, ByteWriter, type Ipv6, ipv6 } from "@ocicat/net";
import { type AttributeProblem, decodeAttributes } from "../wire/attributes/decode.ts";
import { FLAG } from "../wire/attributes/descriptor.ts";
import { encodePathAttributes } from "../wire/attributes/encode.ts";
import { ATTRIBUTE_BY_CODE, encodeNextHop } from "../wire/attributes/table.ts";
import type { PathAttributes } from "../wire/attributes/types.ts";
import { DEFAULT_CONTEXT } from "../wire/context.ts";
import { concat } from "../wire/framer.ts";
import { sharedAttributes } from "../wire/update.ts";

const MP_REACH = 14;

/**
 * Attributes of a path in a table: as in an UPDATE, AS numbers of four octets, but of MP_REACH_NLRI, whose prefix the row has
 * already, the next hop alone (RFC 6396 §4.3.4).
 *
 *     +-----------+------------------------+
 *     | length, 1 | next hop, 4, 16 or 32  |
 *     +-----------+------------------------+
 */
export function encodeEntryAttributes(path: PathAttributes): Uint8Array {
  if (typeof path.nextHop === "number") return encodePathAttributes(path, DEFAULT_CONTEXT, true);
  const hop = encodeNextHop(path.nextHop, path.linkLocalNextHop);
  const value = new ByteWriter(33).u8(hop.length).bytes(hop).finish();
  const unknown = [...(path.unknown ?? []), { code: MP_REACH, flags: FLAG.optional, value }];
  unknown.sort((a, b) => a.code - b.code);
  return encodePathAttributes({ ...path, unknown }, DEFAULT_CONTEXT, false);
}

export interface EntryAttributes {
  /** Undefined: they are such that a route would be withdrawn (RFC 7606). */
  readonly attributes: PathAttributes | undefined;
  readonly problems: readonly Pick<AttributeProblem, "name" | "what" | "treatment">[];
}

/** Throws TruncatedError or BgpError where the attributes cannot be told apart. */
export function decodeEntryAttributes(bytes: Uint8Array): EntryAttributes {
  const { others, hops } = splitHops(bytes);
  const list = decodeAttributes(others, DEFAULT_CONTEXT);
  const { origin, asPath, nextHop } = list.known;
  const found = nextHop === undefined ? hops : { nextHop };
  const missing = [
    { name: "ORIGIN", there: origin !== undefined },
    { name: "AS_PATH", there: asPath !== undefined },
    { name: "NEXT_HOP", there: found !== undefined },
  ].filter(({ there }) => !there);
  const problems = [
    ...list.problems,
    ...missing.map(({ name }) => ({ name, treatment: "withdraw" as const, what: "it is missing" })),
  ];
  const lost = problems.some(({ treatment }) => treatment === "withdraw");
  if (lost || origin === undefined || asPath === undefined || found === undefined)
    return { attributes: undefined, problems };
  return { attributes: { ...sharedAttributes(list, { origin, asPath }, DEFAULT_CONTEXT), ...found }, problems };
}

type Hops = Pick<PathAttributes, "nextHop" | "linkLocalNextHop">;

/**
 * As an UPDATE has them, without MP_REACH_NLRI, whose form here is not an UPDATE's. Flags that a table says of an attribute that
 * is known mean nothing (BIRD writes 0 for NEXT_HOP).
 */
function splitHops(bytes: Uint8Array): { readonly others: Uint8Array; readonly hops: Hops | undefined } {
  const reader = new ByteReader(bytes);
  let others: Uint8Array = bytes.slice();
  let hops: Hops | undefined;
  while (reader.left >= 3) {
    const start = reader.offset;
    const flags = reader.u8();
    const code = reader.u8();
    const length = (flags & FLAG.extended) === 0 ? reader.u8() : reader.u16();
    // One that does not fit is told of where all are read.
    if (length > reader.left) break;
    const value = reader.bytes(length);
    if (code === MP_REACH && hops === undefined) {
      others = concat(others.subarray(0, start), others.subarray(reader.offset));
      hops = readHops(new ByteReader(value));
    } else {
      const known = ATTRIBUTE_BY_CODE.get(code)?.flags;
      const at = start - (bytes.length - others.length);
      if (known !== undefined) others[at] = known | (flags & (FLAG.extended | FLAG.partial));
    }
  }
  return { others, hops };
}

/** Some write the whole attribute all the same: no next hop has 0 bytes, and the first byte of a family is 0. */
function readHops(reader: ByteReader): Hops {
  let length = reader.u8();
  if (length === 0) {
    reader.skip(2);
    length = reader.u8();
  }
  const hop: Address = addressFromBytes(reader.bytes(length === 32 ? 16 : length));
  if (length !== 32) return { nextHop: hop };
  const linkLocalNextHop: Ipv6 = ipv6(BigInt(addressFromBytes(reader.bytes(16))));
  return { nextHop: hop, linkLocalNextHop };
}
