import { type Address, AddressError, formatAddress, type Ipv6, parseAddress } from "./address.ts";

/** An address, and the interface that it means something on: a link-local one is known on its link alone (RFC 4007 §6). */
export interface ScopedAddress {
  readonly address: Address;
  /** The interface's name; undefined: the address means the same everywhere. */
  readonly link: string | undefined;
}

/** fe80::/10 (RFC 4291 §2.5.6). */
export function isLinkLocal(address: Address): address is Ipv6 {
  return typeof address === "bigint" && address >> 118n === 0x3fan;
}

/** RFC 4007 §11: `fe80::1%eth1`; any other address as it is. */
export function formatScoped({ address, link }: ScopedAddress): string {
  return link === undefined ? formatAddress(address) : `${formatAddress(address)}%${link}`;
}

/** Longest name of an interface of Linux's (IFNAMSIZ, without its NUL). */
const MAX_LINK = 15;

/** The reverse of `formatScoped`. A link is for link-local addresses alone. Throws AddressError. */
export function parseScoped(text: string): ScopedAddress {
  const [host = "", link, ...rest] = text.split("%");
  const address = parseAddress(host);
  if (link === undefined) return { address, link: undefined };
  if (!isLinkLocal(address)) throw new AddressError(`${host} is not link-local: it has no zone`);
  if (rest.length > 0 || !isLinkName(link)) throw new AddressError(`"${text}": the zone is no interface's name`);
  return { address, link };
}

/** Whether Linux takes it for an interface: 1 to 15 characters, without slash, colon and space. */
export function isLinkName(text: string): boolean {
  return text.length <= MAX_LINK && /^[^\s/:%]+$/.test(text) && text !== "." && text !== "..";
}
