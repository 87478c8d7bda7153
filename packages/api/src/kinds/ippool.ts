import { type Family, type Prefix, parsePrefix } from "@ocicat/net";
import { defineKind, type RuleContext } from "../define-kind.ts";
import type { Problem } from "../problem.ts";
import type { Resource } from "../resource.ts";
import {
  choice,
  computed,
  defaulted,
  flag,
  type Given,
  type Infer,
  implied,
  integer,
  list,
  network,
  object,
  optional,
  required,
  text,
  timestamp,
} from "../schema/index.ts";
import { selector } from "../selector/index.ts";

const encapsulation = choice("Never", "Always", "CrossSubnet");

/** How long a block's prefix may be, and is unless told: 64 addresses either way. */
const BLOCK_SIZE: Readonly<Record<Family, { readonly min: number; readonly max: number; readonly standard: number }>> =
  {
    4: { min: 20, max: 32, standard: 26 },
    6: { min: 116, max: 128, standard: 122 },
  };

const isIpv6 = (given: Given) => typeof given.cidr === "string" && given.cidr.includes(":");

const spec = object(
  {
    cidr: required(network()),
    vxlanMode: defaulted(encapsulation, "Never"),
    ipipMode: defaulted(encapsulation, "Never"),
    natOutgoing: implied(flag(), false),
    disabled: implied(flag(), false),
    disableBGPExport: implied(flag(), false),
    blockSize: computed(integer(), (given) => BLOCK_SIZE[isIpv6(given) ? 6 : 4].standard, 0),
    nodeSelector: computed(selector(), () => "all()", ""),
    namespaceSelector: optional(selector(), ""),
    allowedUses: defaulted(list(choice("Workload", "Tunnel", "LoadBalancer"), { unique: true }), [
      "Workload",
      "Tunnel",
    ]),
    assignmentMode: defaulted(choice("Automatic", "Manual"), "Automatic"),
  },
  {
    cidr: "The range that addresses are given out of. Cannot be changed.",
    vxlanMode: "When packets between nodes travel in VXLAN: never, always, or where the nodes' subnets differ.",
    ipipMode:
      "When packets between nodes travel in IPIP (IPv4 only): never, always, or where the nodes' subnets differ.",
    natOutgoing: "Give packets that leave the pools the node's own address.",
    disabled: "Give out no more addresses of it; those given stay, and the range still counts as inside the network.",
    disableBGPExport: "Do not announce it by BGP.",
    blockSize:
      "The prefix length of the blocks that nodes take: 20 to 32 for IPv4 (26 unless told), 116 to 128 for IPv6 (122 unless told). Cannot be changed.",
    nodeSelector: "The nodes that give out addresses of it, by their labels; all() unless told.",
    namespaceSelector: "The namespaces whose pods get addresses of it, by their labels; none set means all.",
    allowedUses: "What its addresses may be for: workloads, the nodes' tunnels, or services of type LoadBalancer.",
    assignmentMode:
      "Whether addresses are taken from it of their own accord (Automatic) or only when asked for (Manual).",
  },
);

const condition = object(
  {
    type: required(text()),
    status: required(choice("True", "False", "Unknown")),
    observedGeneration: optional(integer(0), 0),
    lastTransitionTime: optional(timestamp()),
    reason: optional(text(), ""),
    message: optional(text(), ""),
  },
  {
    type: "What it is about.",
    status: "Whether it holds.",
    observedGeneration: "The generation of the pool that it was said of.",
    lastTransitionTime: "When it last changed.",
    reason: "Why, in one word.",
    message: "Why, for people.",
  },
);

const status = object(
  { conditions: optional(list(condition)) },
  { conditions: "What controllers say of the pool, as Kubernetes' conditions." },
);

export interface IPPoolSpec extends Infer<typeof spec> {}
export interface IPPoolStatus extends Infer<typeof status> {}
/** Addresses to give to workloads, and how traffic between them travels. */
export type IPPool = Resource<IPPoolSpec, IPPoolStatus, "IPPool">;

export const ippool = defineKind<IPPool>({
  kind: "IPPool",
  description: "A range of addresses to give to workloads, and how traffic between them travels.",
  plural: "ippools",
  aliases: ["ipp", "ipps", "pool", "pools"],
  namespaced: false,
  spec,
  status,
  rules: {
    "blockSize is 20 to 32 for IPv4 and 116 to 128 for IPv6, and the pool holds at least one block.": checkBlockSize,
    "cidr is not in a link-local range (169.254.0.0/16, fe80::/10).": checkRange,
    "A pool has one encapsulation at most, and IPIP for IPv4 only.": checkEncapsulation,
    "allowedUses is not empty. LoadBalancer stands alone, and cannot be added or taken away later.": checkUses,
    "A pool for load balancers is every node's, is announced, and has no encapsulation.": checkLoadBalancers,
    "cidr and blockSize cannot be changed.": checkUnchanged,
    "A new pool overlaps no other.": checkOverlap,
    "A new pool over blocks that an earlier one left has their blockSize.": checkOldBlocks,
  },
  seesBlocks: true,
  example: { name: "rack-1", spec: { cidr: "10.50.0.0/16", ipipMode: "CrossSubnet", natOutgoing: true } },
  columns: [
    { heading: "NAME", cell: ({ metadata }) => metadata.name },
    { heading: "CIDR", cell: ({ spec }) => spec.cidr },
    { heading: "SELECTOR", cell: ({ spec }) => spec.nodeSelector },
  ],
  wide: [
    { heading: "NAME", cell: ({ metadata }) => metadata.name },
    { heading: "CIDR", cell: ({ spec }) => spec.cidr },
    { heading: "NAT", cell: ({ spec }) => String(spec.natOutgoing) },
    { heading: "IPIPMODE", cell: ({ spec }) => spec.ipipMode },
    { heading: "VXLANMODE", cell: ({ spec }) => spec.vxlanMode },
    { heading: "DISABLED", cell: ({ spec }) => String(spec.disabled) },
    { heading: "DISABLEBGPEXPORT", cell: ({ spec }) => String(spec.disableBGPExport) },
    { heading: "SELECTOR", cell: ({ spec }) => spec.nodeSelector },
    { heading: "ASSIGNMENTMODE", cell: ({ spec }) => spec.assignmentMode },
  ],
});

function* checkBlockSize({ spec }: IPPool): Iterable<Problem> {
  const prefix = parsePrefix(spec.cidr);
  const { min, max } = BLOCK_SIZE[prefix.family];
  if (spec.blockSize < min || spec.blockSize > max) {
    const message = `is not a block size of IPv${prefix.family}, an integer from ${min} to ${max}`;
    yield { field: "spec.blockSize", value: spec.blockSize, rule: "block-size", message };
  } else if (!spec.disabled && prefix.length > spec.blockSize) {
    // A disabled pool gives no addresses; it may mark any range as inside the network.
    const message = `is smaller than one block of it, a /${spec.blockSize}`;
    yield { field: "spec.cidr", value: spec.cidr, rule: "pool-size", message };
  }
}

const LINK_LOCAL = [parsePrefix("169.254.0.0/16"), parsePrefix("fe80::/10")];

function* checkRange({ spec }: IPPool): Iterable<Problem> {
  const taken = LINK_LOCAL.find((range) => parsePrefix(spec.cidr).overlaps(range));
  if (taken === undefined) return;
  const message = `overlaps the link-local range ${taken}, which is never forwarded`;
  yield { field: "spec.cidr", value: spec.cidr, rule: "link-local", message };
}

function* checkEncapsulation({ spec }: IPPool): Iterable<Problem> {
  if (spec.ipipMode === "Never") return;
  if (spec.vxlanMode !== "Never") {
    const message = `cannot be combined with ipipMode ${spec.ipipMode}: a pool has one encapsulation`;
    yield { field: "spec.vxlanMode", value: spec.vxlanMode, rule: "one-encapsulation", message };
  }
  if (parsePrefix(spec.cidr).family === 6) {
    const message = "is not possible in an IPv6 pool: IPIP carries IPv4 only";
    yield { field: "spec.ipipMode", value: spec.ipipMode, rule: "ipip-family", message };
  }
}

const forLoadBalancers = ({ spec }: IPPool) => spec.allowedUses.includes("LoadBalancer");

function* checkUses(pool: IPPool, { previous }: RuleContext<IPPool>): Iterable<Problem> {
  const { allowedUses } = pool.spec;
  const field = "spec.allowedUses";
  if (allowedUses.length === 0) yield { field, value: allowedUses, rule: "required", message: "is empty" };
  if (forLoadBalancers(pool) && allowedUses.length > 1) {
    const message = "mixes LoadBalancer with other uses, whose addresses are given in another way";
    yield { field, value: allowedUses, rule: "uses", message };
  }
  if (previous !== undefined && forLoadBalancers(previous) !== forLoadBalancers(pool)) {
    const message = "turns a pool into one for load balancers, or back; make another pool";
    yield { field, value: allowedUses, rule: "immutable", message };
  }
}

/** Services' addresses are no node's: there is nobody to tunnel to, and routers beyond the nodes must know them. */
const LOAD_BALANCER_POOL = [
  ["nodeSelector", "all()"],
  ["disableBGPExport", false],
  ["ipipMode", "Never"],
  ["vxlanMode", "Never"],
] as const;

function* checkLoadBalancers(pool: IPPool): Iterable<Problem> {
  if (!forLoadBalancers(pool)) return;
  for (const [name, only] of LOAD_BALANCER_POOL) {
    const value = pool.spec[name];
    if (value === only) continue;
    yield {
      field: `spec.${name}`,
      value,
      rule: "load-balancer",
      message: `must be ${only} in a pool for load balancers`,
    };
  }
}

function* checkUnchanged({ spec }: IPPool, { previous }: RuleContext<IPPool>): Iterable<Problem> {
  if (previous === undefined) return;
  for (const name of ["cidr", "blockSize"] as const) {
    if (spec[name] === previous.spec[name]) continue;
    const message = `cannot be changed from ${previous.spec[name]}: addresses are given out by it; make another pool`;
    yield { field: `spec.${name}`, value: spec[name], rule: "immutable", message };
  }
}

/** On creation only: later the CIDR cannot change, and an overlap made by other means must not block mending the rest. */
function* checkOverlap(pool: IPPool, { previous, others = [] }: RuleContext<IPPool>): Iterable<Problem> {
  if (previous !== undefined) return;
  const cidr: Prefix = parsePrefix(pool.spec.cidr);
  for (const other of others) {
    if (other.metadata.name === pool.metadata.name || !cidr.overlaps(parsePrefix(other.spec.cidr))) continue;
    const message = `overlaps IPPool ${other.metadata.name}, ${other.spec.cidr}`;
    yield { field: "spec.cidr", value: pool.spec.cidr, rule: "overlap", message };
  }
}

/**
 * A pool can be deleted while addresses of it are in use, and its blocks stay. One of another blockSize in its place would
 * make blocks over and in those, and give the same addresses again.
 */
function* checkOldBlocks({ spec }: IPPool, { previous, blocks = [] }: RuleContext<IPPool>): Iterable<Problem> {
  if (previous !== undefined) return;
  const cidr = parsePrefix(spec.cidr);
  const odd = blocks.filter((block) => cidr.overlaps(block) && block.length !== spec.blockSize);
  const [first] = odd;
  if (first === undefined) return;
  const many = odd.length === 1 ? "" : ` and ${odd.length - 1} more`;
  const message = `is not that of the block ${first}${many}, which an earlier pool left; give it, or release their addresses first`;
  yield { field: "spec.blockSize", value: spec.blockSize, rule: "block-size-kept", message };
}
