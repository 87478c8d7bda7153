import { formatAddress } from "@ocicat/net";
import { DATA_TYPES, type DataType } from "../ir/data-type.ts";
import type { Value } from "../ir/value.ts";

const PROTOCOL_NAMES: ReadonlyMap<number, string> = new Map([
  [1, "icmp"],
  [6, "tcp"],
  [17, "udp"],
  [33, "dccp"],
  [58, "ipv6-icmp"],
  [132, "sctp"],
  [136, "udplite"],
]);

const FAMILY_NAMES: ReadonlyMap<number, string> = new Map([
  [2, "ipv4"],
  [10, "ipv6"],
]);

/** As nft writes it. Two values of one type have the same text only if they are the same. */
export function renderValue(type: DataType, value: Value): string {
  switch (value.kind) {
    case "interface":
      // An unescaped asterisk at the end would mean every interface that begins so.
      return `"${value.name.replace(/\*$/, "\\*")}"`;
    case "interfacePrefix":
      return `"${value.prefix}*"`;
    case "prefix":
      return value.prefix.isHost ? formatAddress(value.prefix.address) : value.prefix.toString();
    case "addressRange":
      return `${formatAddress(value.first)}-${formatAddress(value.last)}`;
    case "number":
      return renderNumber(type, value.number);
    case "numberRange":
      return `${renderNumber(type, value.first)}-${renderNumber(type, value.last)}`;
  }
}

/** The fields of a key, joined as nft joins a concatenation. */
export function renderKey(types: readonly DataType[], values: readonly Value[]): string {
  return values.map((value, index) => renderValue(types[index] ?? "mark", value)).join(" . ");
}

export function renderNumber(type: DataType, value: number): string {
  switch (type) {
    case "inet_proto":
      return PROTOCOL_NAMES.get(value) ?? String(value);
    case "nf_proto":
      return FAMILY_NAMES.get(value) ?? String(value);
    case "mark":
    case "ct_state":
    case "devgroup":
      return `0x${value.toString(16).padStart(2 * DATA_TYPES[type].bytes, "0")}`;
    case "inet_service":
    case "ifname":
    case "ipv4_addr":
    case "ipv6_addr":
      return String(value);
  }
}
