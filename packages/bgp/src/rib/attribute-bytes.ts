import { addressFromBytes, ByteReader, ipv6 } from "@ocicat/net";
import { type DecodedAttributes, FLAG } from "../wire/attributes/descriptor.ts";
import { ATTRIBUTE_BY_CODE } from "../wire/attributes/table.ts";
import type { PathAttributes, UnknownAttribute } from "../wire/attributes/types.ts";
import { DEFAULT_CONTEXT } from "../wire/context.ts";

const NEXT_HOP = 3;

/** The inverse of `canonicalBytes`. */
export function fromCanonicalBytes(bytes: Uint8Array): PathAttributes {
  const reader = new ByteReader(bytes);
  const known: DecodedAttributes = {};
  const unknown: UnknownAttribute[] = [];
  let hops: Pick<PathAttributes, "nextHop" | "linkLocalNextHop"> | undefined;
  while (reader.left > 0) {
    const flags = reader.u8();
    const code = reader.u8();
    const value = reader.bytes((flags & FLAG.extended) === 0 ? reader.u8() : reader.u16());
    const row = ATTRIBUTE_BY_CODE.get(code);
    if (code === NEXT_HOP) hops = readNextHop(value);
    else if (row === undefined) unknown.push({ code, flags: flags & ~FLAG.extended, value: value.slice() });
    else row.read(new ByteReader(value), DEFAULT_CONTEXT, known);
  }
  const { origin, asPath } = known;
  if (hops === undefined || origin === undefined || asPath === undefined)
    throw new Error("an attribute set without its mandatory attributes");
  return { ...onlyPresent(known), origin, asPath, ...hops, ...(unknown.length > 0 && { unknown }) };
}

/** 4 bytes; 16; or 32, with a link-local address behind the global one. */
function readNextHop(value: Uint8Array): Pick<PathAttributes, "nextHop" | "linkLocalNextHop"> {
  if (value.length !== 32) return { nextHop: addressFromBytes(value) };
  const linkLocal = addressFromBytes(value.subarray(16));
  return { nextHop: addressFromBytes(value.subarray(0, 16)), linkLocalNextHop: ipv6(BigInt(linkLocal)) };
}

function onlyPresent(known: DecodedAttributes): Partial<Omit<PathAttributes, "nextHop">> {
  const { med, localPref, atomicAggregate, aggregator, communities, originatorId, clusterList } = known;
  const { extCommunities, largeCommunities, onlyToCustomer } = known;
  return {
    ...(med !== undefined && { med }),
    ...(localPref !== undefined && { localPref }),
    ...(atomicAggregate !== undefined && { atomicAggregate }),
    ...(aggregator !== undefined && { aggregator }),
    ...(communities !== undefined && { communities }),
    ...(extCommunities !== undefined && { extCommunities }),
    ...(largeCommunities !== undefined && { largeCommunities }),
    ...(onlyToCustomer !== undefined && { onlyToCustomer }),
    ...(originatorId !== undefined && { originatorId }),
    ...(clusterList !== undefined && { clusterList }),
  };
}
