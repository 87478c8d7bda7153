import { AddressError, type Family, type Prefix, parsePrefix } from "@ocicat/net";
import { invalidConfig } from "./errors.ts";

/** A pool asked for by a network configuration or a pod: by its CIDR or by its resource's name. */
export type PoolSelector =
  | { readonly by: "cidr"; readonly cidr: Prefix }
  | { readonly by: "name"; readonly name: string };

// What Calico accepts as a resource's name.
const RESOURCE_NAME = /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/;

/** `where`: for the error. Throws CniError code 7. */
export function parsePoolSelector(text: string, family: Family, where: string): PoolSelector {
  if (!text.includes("/")) {
    if (RESOURCE_NAME.test(text)) return { by: "name", name: text };
    throw invalidConfig(where, `"${text}" is neither a CIDR nor the name of a pool`);
  }
  const cidr = asAddress(where, () => parsePrefix(text));
  if (cidr.family === family) return { by: "cidr", cidr };
  throw invalidConfig(where, `"${text}" is not an IPv${family} pool`, `it belongs in ipv${cidr.family}_pools`);
}

/** An address, with or without a prefix length that says nothing here. Throws CniError code 7. */
export function parseHost(text: string, where: string) {
  return asAddress(where, () => parsePrefix(text.split("/", 1)[0] ?? "").address);
}

/** An address or a network, which is taken without the bits beyond its length. Throws CniError code 7. */
export function parseNetwork(text: string, where: string): Prefix {
  return asAddress(where, () => parsePrefix(text, { hostBits: "clear" }));
}

function asAddress<T>(where: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (error instanceof AddressError) throw invalidConfig(where, error.message);
    throw error;
  }
}
