import type { IPPool } from "@ocicat/api";
import { bitsOf, Prefix, parsePrefix } from "@ocicat/net";
import { IpamError } from "../errors.ts";

/** What a resource's name may be at most: a DNS subdomain's length. */
const MAX_NAME = 253;

/**
 * The pools that take the place of one, in the order of their addresses: alike in everything but name and CIDR, and
 * enabled. Named as calicoctl names them, `split-<pool>-<number>`. Throws IpamError IPAM_SPLIT_INVALID.
 */
export function partsOf(pool: IPPool, parts: number): readonly IPPool[] {
  const cidrs = halve(pool, parts);
  return cidrs.map((cidr, index) => ({
    ...pool,
    metadata: { ...pool.metadata, name: partName(pool.metadata.name, index) },
    spec: { ...pool.spec, cidr: cidr.toString(), disabled: false },
  }));
}

function halve({ metadata: { name }, spec }: IPPool, parts: number): readonly Prefix[] {
  const power = Math.log2(parts);
  if (!Number.isSafeInteger(power) || power < 1) {
    throw invalid(`IP pool ${name} cannot be split into ${parts}`, "only a power of two divides a CIDR", "2, 4, 8, …");
  }
  const whole = parsePrefix(spec.cidr);
  const length = whole.length + power;
  if (length > spec.blockSize) {
    const most = 2 ** Math.max(0, spec.blockSize - whole.length);
    const why = `each would be smaller than one of its blocks, a /${spec.blockSize}`;
    throw invalid(`IP pool ${name}, ${spec.cidr}, cannot be split into ${parts}`, why, `at most ${most}`);
  }
  const step = 1n << BigInt(bitsOf(whole.family) - length);
  return Array.from({ length: parts }, (_, index) => Prefix.of(whole.nth(BigInt(index) * step), length));
}

function partName(name: string, index: number): string {
  const end = `-${index}`;
  return `split-${name.slice(0, MAX_NAME - "split-".length - end.length)}${end}`;
}

function invalid(what: string, why: string, possible: string): IpamError {
  return new IpamError({ code: "IPAM_SPLIT_INVALID", what, why, fix: `possible: ${possible}` });
}
