import { type Address, addressFromBytes, type Family, familyOf, formatMac, type Mac } from "@ocicat/net";
import { AF_INET, AF_INET6 } from "./constants.ts";

export function addressFamily(family: Family): number {
  return family === 4 ? AF_INET : AF_INET6;
}

export function addressFamilyOf(address: Address): number {
  return addressFamily(familyOf(address));
}

/** Undefined for families that are neither (bridge, MPLS, …). */
export function familyFrom(number: number): Family | undefined {
  return number === AF_INET ? 4 : number === AF_INET6 ? 6 : undefined;
}

export function addressIn(bytes: Uint8Array | undefined): Address | undefined {
  return bytes === undefined ? undefined : addressFromBytes(bytes);
}

export function macBytes(mac: Mac): Uint8Array {
  return Uint8Array.from(mac.split(":"), (pair) => Number.parseInt(pair, 16));
}

/** Undefined for link-layer addresses of another size: those of tunnels are IP addresses. */
export function macIn(bytes: Uint8Array | undefined): Mac | undefined {
  return bytes?.length === 6 ? formatMac(bytes) : undefined;
}
