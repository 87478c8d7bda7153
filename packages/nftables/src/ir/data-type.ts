export type DataType =
  | "ifname"
  | "ipv4_addr"
  | "ipv6_addr"
  | "inet_proto"
  | "inet_service"
  | "mark"
  | "nf_proto"
  | "ct_state"
  | "ct_dir"
  | "ct_status"
  | "devgroup"
  | "icmp_type"
  | "icmp_code"
  | "icmpv6_type"
  | "icmpv6_code"
  | "tcp_flag"
  | "dscp"
  | "boolean"
  | "fib_addrtype";

export interface DataTypeFacts {
  /** nft's own number for the type: the kernel only stores it, for whoever lists the set. */
  readonly id: number;
  readonly bytes: number;
  /** Where they are not all of the bytes. */
  readonly bits?: number;
  readonly order: "host" | "network";
}

/** Names and numbers as in nft's `nft describe`. */
export const DATA_TYPES: Readonly<Record<DataType, DataTypeFacts>> = {
  nf_proto: { id: 2, bytes: 1, order: "host" },
  ipv4_addr: { id: 7, bytes: 4, order: "network" },
  ipv6_addr: { id: 8, bytes: 16, order: "network" },
  inet_proto: { id: 12, bytes: 1, order: "network" },
  inet_service: { id: 13, bytes: 2, order: "network" },
  icmp_type: { id: 14, bytes: 1, order: "network" },
  tcp_flag: { id: 15, bytes: 1, order: "host" },
  mark: { id: 19, bytes: 4, order: "host" },
  ct_state: { id: 26, bytes: 4, order: "host" },
  ct_dir: { id: 27, bytes: 1, order: "host" },
  ct_status: { id: 28, bytes: 4, order: "host" },
  icmpv6_type: { id: 29, bytes: 1, order: "network" },
  icmp_code: { id: 32, bytes: 1, order: "network" },
  icmpv6_code: { id: 33, bytes: 1, order: "network" },
  devgroup: { id: 35, bytes: 4, order: "host" },
  dscp: { id: 36, bytes: 1, bits: 6, order: "network" },
  fib_addrtype: { id: 38, bytes: 4, order: "host" },
  boolean: { id: 39, bytes: 4, bits: 1, order: "host" },
  ifname: { id: 41, bytes: 16, order: "host" },
};

const byId = new Map(Object.entries(DATA_TYPES).map(([name, facts]) => [facts.id, name as DataType]));

export function dataTypeById(id: number): DataType | undefined {
  return byId.get(id);
}

/** Types whose values are not numbers. */
export type NamedType = "ifname" | "ipv4_addr" | "ipv6_addr";
export type NumberType = Exclude<DataType, NamedType>;

export function isNumberType(type: DataType): type is NumberType {
  return type !== "ifname" && type !== "ipv4_addr" && type !== "ipv6_addr";
}

/** The largest number the type holds; undefined for types that are not numbers. */
export function largestOf(type: DataType): number | undefined {
  const { bytes, bits = 8 * bytes } = DATA_TYPES[type];
  return isNumberType(type) ? 2 ** bits - 1 : undefined;
}

/** Types in which each bit is something of its own. */
export const BIT_TYPES: ReadonlySet<DataType> = new Set<DataType>(["mark", "ct_state", "ct_status", "tcp_flag"]);

/** Types whose values stand in an order that the kernel can compare: highest byte first. */
export const ORDERED_TYPES: ReadonlySet<DataType> = new Set<DataType>([
  "inet_service",
  "inet_proto",
  "icmp_type",
  "icmp_code",
  "icmpv6_type",
  "icmpv6_code",
]);
