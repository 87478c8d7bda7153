import { sha1Hex } from "@ocicat/api";
import type { TableRef } from "@ocicat/nftables";
import type { Direction, PolicyId, SetId } from "@ocicat/policy";

/** Everything that enforces policy. */
export const POLICY_TABLE: TableRef = Object.freeze({ family: "inet", name: "ocicat-policy" });

/** `pi-…`, `po-…`: inbound and outbound. Told by the policy, so that a change of its rules changes no other chain. */
export function policyChainName(policy: PolicyId, direction: Direction): string {
  return `p${LETTER[direction]}-${digest(policy)}`;
}

/** `ri-…`, `ro-…` of a profile. */
export function profileChainName(profile: string, direction: Direction): string {
  return `r${LETTER[direction]}-${digest(profile)}`;
}

/** 64 of SHA-1's bits, in hexadecimal. */
export function digest(text: string): string {
  return sha1Hex(text).slice(0, 16);
}

/**
 * The kernel's sets of one of the model's:
 *
 *     4h 6h   single addresses, hashed: what churns
 *     4n 6n   blocks, as a tree
 *     4p 6p   address, protocol and port, hashed
 */
export type Variant = "4h" | "4n" | "4p" | "6h" | "6n" | "6p";

/** `s-0123456789abcdef-4h`. */
export function variantName(set: SetId, variant: Variant): string {
  return `${set}-${variant}`;
}

const LETTER: Readonly<Record<Direction, string>> = { ingress: "i", egress: "o" };
