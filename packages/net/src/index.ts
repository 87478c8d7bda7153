export {
  type Address,
  AddressError,
  addressFromBytes,
  addressToBytes,
  bitsOf,
  compareAddresses,
  type Family,
  familyOf,
  formatAddress,
  type Ipv4,
  type Ipv6,
  ipv4,
  ipv6,
  isAddress,
  parseAddress,
} from "./address.ts";
export { ByteReader, ByteWriter, TruncatedError } from "./bytes.ts";
export { internetChecksum } from "./checksum.ts";
export { formatMac, type Mac, parseMac } from "./mac.ts";
export { Prefix, type PrefixOptions, parsePrefix } from "./prefix.ts";
export { formatScoped, isLinkLocal, isLinkName, parseScoped, type ScopedAddress } from "./scoped.ts";
export { PrefixTrie } from "./trie.ts";
