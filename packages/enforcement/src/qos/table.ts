import { type Origin, origin } from "@ocicat/kit";
import { type Family, familyOf, type Prefix } from "@ocicat/net";
import {
  baseChain,
  COUNTER,
  chain,
  ctCount,
  ctState,
  DROP,
  type Expression,
  element,
  equal,
  type Hook,
  inSet,
  interfaceName,
  jump,
  limit,
  meta,
  type NamedSet,
  number,
  type Operand,
  payload,
  prefixValue,
  RETURN,
  type RegularChain,
  rule,
  type SetElement,
  set,
  setDscp,
  type Table,
  type TableRef,
  TCP_RESET,
  table,
  verdict,
  verdictFrom,
  verdictMap,
} from "@ocicat/nftables";
import { maximal } from "../compile/maximal.ts";
import type { PacketRate, QosControls } from "./controls.ts";

export const QOS_TABLE: TableRef = Object.freeze({ family: "inet", name: "ocicat-qos" });

/** A workload's interface on the host, and what limits it. */
export interface LimitedInterface {
  readonly interfaceName: string;
  readonly controls: QosControls;
  readonly origin: Origin;
}

/**
 *     from-rates         prerouting  -299   before connections are tracked: what is too much costs nothing more
 *     to-rates           postrouting -299   what the host itself sends, too
 *     from-connections   forward, input 10  behind policy: what it denies is no connection
 *     to-connections     forward     10     what the host itself sends is never cut off: probes
 *     marks              postrouting -150   before sources are translated
 */
type Dispatch = "from-rates" | "to-rates" | "from-connections" | "to-connections" | "marks";

const IN = meta("iifname");
const OUT = meta("oifname");

const DISPATCH_KEYS: Readonly<Record<Dispatch, Operand>> = {
  "from-rates": IN,
  "to-rates": OUT,
  "from-connections": IN,
  "to-connections": OUT,
  marks: IN,
};

interface Place {
  readonly hook: Hook;
  readonly priority: number;
  readonly dispatches: readonly Dispatch[];
  /** What has to hold of a packet before it is looked up. */
  readonly of: readonly Expression[];
}

const NEW = ctState("new");

const PLACES: Readonly<Record<string, Place>> = {
  "from-rates": { hook: "prerouting", priority: -299, dispatches: ["from-rates"], of: [] },
  "to-rates": { hook: "postrouting", priority: -299, dispatches: ["to-rates"], of: [] },
  connections: { hook: "forward", priority: 10, dispatches: ["from-connections", "to-connections"], of: [NEW] },
  "connections-to-host": { hook: "input", priority: 10, dispatches: ["from-connections"], of: [NEW] },
  marks: { hook: "postrouting", priority: -150, dispatches: ["marks"], of: [] },
};

/**
 * The table that limits packets and connections and marks what leaves the cluster; undefined where nothing asks for it.
 * `inside`: the cluster's own addresses, pools' and nodes', which are sent to without a mark.
 */
export function qosTable(limited: readonly LimitedInterface[], inside: readonly Prefix[]): Table | undefined {
  const chains = limited.flatMap(chainsOf);
  if (chains.length === 0) return undefined;
  const used = new Set(chains.map(({ dispatch }) => dispatch));
  const marks = new Map(chains.flatMap(({ chain, dispatch }) => (dispatch === "marks" ? [[chain.name, chain]] : [])));
  const own = chains.flatMap(({ chain, dispatch }) => (dispatch === "marks" ? [] : [chain]));
  const places = Object.entries(PLACES).filter(([, { dispatches }]) => dispatches.some((each) => used.has(each)));
  return table({
    ...QOS_TABLE,
    origin: origin("what workloads may send and be sent (qosControls)"),
    sets: [
      ...[...used].map((dispatch) => mapOf(dispatch, chains)),
      ...(used.has("marks") ? [insideSet(4, inside), insideSet(6, inside)] : []),
    ],
    chains: [
      ...own,
      ...marks.values(),
      ...places.map(([name, { hook, priority, dispatches, of }]) =>
        baseChain({
          name: `${name}-${hook}`,
          type: "filter",
          hook,
          priority,
          policy: "accept",
          origin: LIMITED,
          rules: [
            ...(name === "marks" ? INSIDE : []),
            ...dispatches
              .filter((dispatch) => used.has(dispatch))
              .map((dispatch) => rule(LIMITED, ...of, verdictFrom(DISPATCH_KEYS[dispatch], dispatch))),
          ],
        }),
      ),
    ],
  });
}

interface Called {
  readonly dispatch: Dispatch;
  readonly interfaceName: string;
  readonly origin: Origin;
  readonly chain: RegularChain;
}

function chainsOf({
  interfaceName: name,
  controls: { ingress, egress, dscp },
  origin: why,
}: LimitedInterface): Called[] {
  const called = (dispatch: Dispatch, chainName: string, ...rules: readonly (readonly Expression[])[]): Called => ({
    dispatch,
    interfaceName: name,
    origin: why,
    chain: chain({ name: chainName, origin: why, rules: rules.map((expressions) => rule(why, ...expressions)) }),
  });
  const rates = (dispatch: Dispatch, packets: PacketRate | undefined) =>
    packets === undefined ? [] : [called(dispatch, `${dispatch}-${name}`, tooFast(packets))];
  const connections = (dispatch: Dispatch, most: number | undefined) =>
    most === undefined ? [] : [called(dispatch, `${dispatch}-${name}`, ...tooMany(most))];
  return [
    ...rates("from-rates", egress.packets),
    ...rates("to-rates", ingress.packets),
    ...connections("from-connections", egress.connections),
    ...connections("to-connections", ingress.connections),
    ...(dscp === undefined ? [] : [{ ...called("marks", ""), chain: markChain(dscp) }]),
  ];
}

function tooFast({ rate, burst }: PacketRate): Expression[] {
  return [limit(BigInt(rate), "second", { burst, over: true }), COUNTER, verdict(DROP)];
}

const TCP = 6;

/** Counted once, by the first rule, for TCP and the rest alike: two counts would each allow as many. */
function tooMany(most: number): Expression[][] {
  return [
    [ctCount(most, { over: false }), verdict(RETURN)],
    [equal(meta("l4proto"), number(TCP)), COUNTER, TCP_RESET],
    [COUNTER, verdict(DROP)],
  ];
}

function markChain(dscp: number): RegularChain {
  return chain({
    name: `mark-${dscp}`,
    origin: LIMITED,
    rules: FAMILIES.map(({ protocol, field }) =>
      rule(LIMITED, equal(meta("nfproto"), number(protocol)), COUNTER, setDscp(field, dscp)),
    ),
  });
}

function mapOf(dispatch: Dispatch, chains: readonly Called[]): NamedSet {
  const elements = chains
    .filter((each) => each.dispatch === dispatch)
    .map(
      ({ interfaceName: name, origin: why, chain: { name: target } }): SetElement =>
        element(why, interfaceName(name), jump(target)),
    );
  return verdictMap({ name: dispatch, key: "ifname", origin: LIMITED, elements });
}

function insideSet(family: Family, inside: readonly Prefix[]): NamedSet {
  const networks = maximal(inside.filter((network) => familyOf(network.address) === family));
  return set({
    name: `inside${family}`,
    key: family === 4 ? "ipv4_addr" : "ipv6_addr",
    interval: true,
    origin: CLUSTER,
    elements: networks.map((network) => element(CLUSTER, prefixValue(network))),
  });
}

const LIMITED = origin("workloads with qosControls");
const CLUSTER = origin("addresses of the cluster: pools and nodes");

const FAMILIES = [
  { protocol: 2, field: "ip dscp", destination: payload("ip daddr"), set: "inside4" },
  { protocol: 10, field: "ip6 dscp", destination: payload("ip6 daddr"), set: "inside6" },
] as const;

const INSIDE = FAMILIES.map(({ protocol, destination, set: name }) =>
  rule(CLUSTER, equal(meta("nfproto"), number(protocol)), inSet(destination, name), verdict(RETURN)),
);
