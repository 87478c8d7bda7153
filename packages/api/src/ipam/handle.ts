import { AddressError, parsePrefix } from "@ocicat/net";
import { isCount, type JsonObject, joinMap, joinObject, readObject } from "./json.ts";

/** How many addresses a holder has in which block: the way from a container to its addresses. */
export interface IpamHandle {
  /** By block in CIDR form, `10.244.166.128/26`; counts are 1 or more. */
  readonly blocks: ReadonlyMap<string, number>;
  readonly deleted: boolean;
  readonly unknown: JsonObject;
}

/** Throws IpamCorruptError. */
export function decodeHandle(key: string, text: string): IpamHandle {
  const reader = readObject(key, text);
  const blocks = new Map<string, number>();
  for (const [cidr, count] of Object.entries(reader.object("block") ?? {})) {
    if (!isCount(count)) return reader.fail(`block.${cidr}`, "is not a count of addresses");
    blocks.set(canonicalCidr(cidr) ?? reader.fail(`block.${cidr}`, "is not named by a network"), count);
  }
  return { blocks, deleted: reader.boolean("deleted") ?? false, unknown: reader.rest() };
}

export function encodeHandle(handle: IpamHandle): string {
  const blocks = joinMap(Iterator.from(handle.blocks).map(([cidr, count]) => [cidr, `${count}`] as const));
  return joinObject(
    [
      ["block", blocks],
      ["deleted", `${handle.deleted}`],
    ],
    handle.unknown,
  );
}

export function newHandle(blocks: ReadonlyMap<string, number>): IpamHandle {
  return { blocks, deleted: false, unknown: {} };
}

function canonicalCidr(text: string): string | undefined {
  try {
    return parsePrefix(text).toString();
  } catch (error) {
    if (error instanceof AddressError) return undefined;
    throw error;
  }
}
