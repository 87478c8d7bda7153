import { formatAddress } from "@ocicat/net";
import { DATA_TYPES, type DataType } from "../ir/data-type.ts";
import type { Value } from "../ir/value.ts";

/** nft's names; what has none is written as a number. */
const NAMES: Readonly<Partial<Record<DataType, ReadonlyMap<number, string>>>> = {
  inet_proto: new Map([
    [1, "icmp"],
    [6, "tcp"],
    [17, "udp"],
    [33, "dccp"],
    [58, "ipv6-icmp"],
    [132, "sctp"],
    [136, "udplite"],
  ]),
  nf_proto: new Map([
    [2, "ipv4"],
    [10, "ipv6"],
  ]),
  ct_dir: new Map([
    [0, "original"],
    [1, "reply"],
  ]),
  boolean: new Map([
    [0, "missing"],
    [1, "exists"],
  ]),
  fib_addrtype: new Map([
    [1, "unicast"],
    [2, "local"],
    [3, "broadcast"],
    [4, "anycast"],
    [5, "multicast"],
    [6, "blackhole"],
    [7, "unreachable"],
    [8, "prohibit"],
  ]),
};

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
  if (HEXADECIMAL.has(type)) return `0x${value.toString(16).padStart(2 * DATA_TYPES[type].bytes, "0")}`;
  return NAMES[type]?.get(value) ?? String(value);
}

const HEXADECIMAL: ReadonlySet<DataType> = new Set<DataType>(["mark", "ct_state", "ct_status", "tcp_flag", "devgroup"]);
