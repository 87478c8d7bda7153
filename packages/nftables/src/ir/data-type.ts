export type DataType =
  | "ifname"
  | "ipv4_addr"
  | "ipv6_addr"
  | "inet_proto"
  | "inet_service"
  | "mark"
  | "nf_proto"
  | "ct_state"
  | "devgroup";

export interface DataTypeFacts {
  /** nft's own number for the type: the kernel only stores it, for whoever lists the set. */
  readonly id: number;
  readonly bytes: number;
  readonly order: "host" | "network";
}

/** Names and numbers as in nft's `nft describe`. */
export const DATA_TYPES: Readonly<Record<DataType, DataTypeFacts>> = {
  nf_proto: { id: 2, bytes: 1, order: "host" },
  ipv4_addr: { id: 7, bytes: 4, order: "network" },
  ipv6_addr: { id: 8, bytes: 16, order: "network" },
  inet_proto: { id: 12, bytes: 1, order: "network" },
  inet_service: { id: 13, bytes: 2, order: "network" },
  mark: { id: 19, bytes: 4, order: "host" },
  ct_state: { id: 26, bytes: 4, order: "host" },
  devgroup: { id: 35, bytes: 4, order: "host" },
  ifname: { id: 41, bytes: 16, order: "host" },
};

const byId = new Map(Object.entries(DATA_TYPES).map(([name, facts]) => [facts.id, name as DataType]));

export function dataTypeById(id: number): DataType | undefined {
  return byId.get(id);
}

/** The largest number the type holds; undefined for types that are not numbers. */
export function largestOf(type: DataType): number | undefined {
  switch (type) {
    case "ifname":
    case "ipv4_addr":
    case "ipv6_addr":
      return undefined;
    case "inet_proto":
    case "nf_proto":
    case "inet_service":
    case "mark":
    case "ct_state":
    case "devgroup":
      return 2 ** (8 * DATA_TYPES[type].bytes) - 1;
  }
}
