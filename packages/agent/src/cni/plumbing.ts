import { IPV4_NEXT_HOP, IPV6_NEXT_HOP } from "@ocicat/cni";
import { type ErrorDetails, OcicatError } from "@ocicat/kit";
import {
  type Kernel,
  type KernelOperation,
  type KernelOutcome,
  type Link,
  type LinkAddress,
  type NamespaceHandle,
  openKernel,
  openNamespace,
  type Route,
} from "@ocicat/linux";
import { type Address, type Family, familyOf, formatAddress, type Mac, parseMac, parsePrefix } from "@ocicat/net";

/**
 * The two ends of a pod's cable, as Calico lays it:
 *
 *      pod's namespace                          node's namespace
 *     ┌───────────────────────────────┐        ┌──────────────────────────────┐
 *     │ eth0  10.244.42.65/32         │  veth  │ cali2009c1121bd              │
 *     │ default via 169.254.1.1       ├────────┤ ee:ee:ee:ee:ee:ee, no address │
 *     │ 169.254.1.1 dev eth0 (link)   │        │ proxy_arp 1: answers for all │
 *     └───────────────────────────────┘        └──────────────────────────────┘
 *
 * 169.254.1.1 is on no interface anywhere: the node answers the ARP question because of proxy_arp, with the MAC of its
 * own end. All host ends may share one MAC because each cable has just two ends.
 *
 * A pod with IPv6 has besides:
 *
 *     │ eth0  fd00:10:244::1/128      │        │ fe80::ecee:eeff:feee:eeee/64 │
 *     │ default via fe80::ecee:…:eeee │        │ made from its MAC (EUI-64)   │
 *
 * The gateway is the host end's real link-local address here, which answers neighbour solicitations by itself.
 */
export const HOST_MAC: Mac = parseMac("ee:ee:ee:ee:ee:ee");
export const GATEWAY: Address = IPV4_NEXT_HOP;
export const GATEWAY6: Address = IPV6_NEXT_HOP;

/** The loopback device is the first of every network namespace. */
const LOOPBACK = 1;
const SCOPE_LINK = 253;
const SCOPE_UNIVERSE = 0;
const MAIN_TABLE = 254;
const PROTOCOL_BOOT = 3;

export interface Cable {
  readonly hostInterface: string;
  readonly podInterface: string;
  readonly podMac: Mac;
  readonly mtu: number;
  /** The pod gets an IPv6 address. */
  readonly ipv6: boolean;
}

/** Refusals of the kernel on the pod's side, with what was being done. */
export class PlumbingError extends OcicatError {}

/** Opens the pod's namespace; PlumbingError CNI_NETNS_MISSING if the path leads to none. */
export function openPodNamespace(path: string): NamespaceHandle {
  const notOne = (why: Pick<ErrorDetails, "why" | "cause">) =>
    new PlumbingError({
      code: "CNI_NETNS_MISSING",
      what: `${path} is not a network namespace the agent can open`,
      fix: "the runtime must create it before ADD, at a path that is the same in the agent's mount namespace",
      ...why,
    });
  let handle: NamespaceHandle;
  try {
    handle = openNamespace(path);
  } catch (cause) {
    throw notOne({ cause });
  }
  if (handle.kind === "net") return handle;
  handle.close();
  throw notOne({ why: `it is a ${handle.kind} namespace` });
}

/**
 * Makes the cable, both ends up, and sets the host end's switches. What is left of an older cable of that name is removed.
 * The host end carries no traffic before the guard knows it.
 */
export function layCable(node: Kernel, pod: NamespaceHandle, cable: Cable): Link {
  const stale = node.link(cable.hostInterface);
  if (stale !== undefined)
    check(node.apply([{ op: "link.delete", index: stale.index }]), [`removing the old ${stale.name}`]);
  check(
    node.apply([
      {
        op: "link.veth",
        veth: {
          name: cable.hostInterface,
          mac: HOST_MAC,
          mtu: cable.mtu,
          up: false,
          peer: { name: cable.podInterface, mac: cable.podMac, mtu: cable.mtu, namespaceFd: pod.fd },
        },
      },
    ]),
    [`making the veth pair ${cable.hostInterface} and ${cable.podInterface}`],
  );
  const link = node.link(cable.hostInterface);
  if (link === undefined) throw refused(`finding ${cable.hostInterface} just made`, "it is gone");
  for (const [path, value] of hostSwitches(cable.hostInterface, cable.ipv6)) node.writeSysctl(path, value);
  const operations: KernelOperation[] = [{ op: "link.set", index: link.index, change: { up: true } }];
  if (cable.ipv6) operations.push({ op: "address.add", address: hostLinkLocal(link.index) });
  check(node.apply(operations), [`setting ${link.name} up`, `giving ${link.name} its link-local address`]);
  return { ...link, up: true };
}

/** The kernel would make the same one, but only when the pod's end is up and it has been told of that. */
function hostLinkLocal(linkIndex: number): LinkAddress {
  return { linkIndex, address: GATEWAY6, prefixLength: 64, scope: SCOPE_LINK };
}

type Switch = readonly [path: string, value: string];

/**
 * The host end's switches before it comes up, with their reasons. Without an IPv6 address in the pod the kernel's own are
 * kept for IPv6: forwarding on a link joins it to the all-routers group, and leaving that makes the pod's DEL take half as
 * long again (23 ms for 15, measured).
 */
export function hostSwitches(name: string, ipv6: boolean): readonly Switch[] {
  const ipv4: readonly Switch[] = [
    // Answer ARP for 169.254.1.1 and everything else the node has a route to …
    [`net/ipv4/conf/${name}/proxy_arp`, "1"],
    // … at once: the default waits up to 0.8 s to let a real owner answer first.
    [`net/ipv4/neigh/${name}/proxy_delay`, "0"],
    [`net/ipv4/conf/${name}/forwarding`, "1"],
    // Packets to 127.0.0.0/8 of the node, which kube-proxy's node ports on localhost need.
    [`net/ipv4/conf/${name}/route_localnet`, "1"],
    // A pod may send only from addresses that are routed back to it.
    [`net/ipv4/conf/${name}/rp_filter`, "1"],
  ];
  if (!ipv6) return ipv4;
  return [
    ...ipv4,
    [`net/ipv6/conf/${name}/disable_ipv6`, "0"],
    // All host ends have one link-local address, each on a link of its own: nobody else can have it there.
    [`net/ipv6/conf/${name}/accept_dad`, "0"],
    [`net/ipv6/conf/${name}/proxy_ndp`, "1"],
    [`net/ipv6/conf/${name}/forwarding`, "1"],
    // A pod is nobody's router: what it advertises must not become a route of the node.
    [`net/ipv6/conf/${name}/accept_ra`, "0"],
  ];
}

/** What is wrong with the host end of a pod's cable, in words; empty if nothing. For CHECK. */
export function inspectHostEnd(node: Kernel, name: string, addresses: readonly Address[]): string[] {
  const link = node.link(name);
  if (link === undefined) return [`${name} is not on this node`];
  const problems = link.up ? [] : [`${name} is down`];
  for (const [path, value] of hostSwitches(name, addresses.some(isIpv6))) {
    const found = node.readSysctl(path);
    if (found !== value && VITAL.test(path)) problems.push(`${path} is ${found ?? "not there"}, not ${value}`);
  }
  return problems;
}

/** The switches without which no packet passes. */
const VITAL = /\/(proxy_arp|forwarding|disable_ipv6)$/;

function isIpv6(address: Address): boolean {
  return typeof address === "bigint";
}

/** What a namespace may have inherited against IPv6, and no time lost on looking for others with the pod's addresses. */
function podSwitches(name: string): readonly Switch[] {
  return [
    ...["all", "default", "lo", name].map((each): Switch => [`net/ipv6/conf/${each}/disable_ipv6`, "0"]),
    [`net/ipv6/conf/${name}/accept_dad`, "0"],
  ];
}

interface PodRoute {
  readonly destination: string;
  readonly via: Address | undefined;
  /** For people. */
  readonly what: string;
}

/** The routes of every pod, by the family of its address. */
const POD_ROUTES: Readonly<Record<Family, readonly PodRoute[]>> = {
  4: [
    { destination: "169.254.1.1/32", via: undefined, what: "the route to 169.254.1.1" },
    { destination: "0.0.0.0/0", via: GATEWAY, what: "the default route via 169.254.1.1" },
  ],
  6: [{ destination: "::/0", via: GATEWAY6, what: `the default route via ${formatAddress(GATEWAY6)}` }],
};

function routesFor(addresses: readonly Address[]): readonly PodRoute[] {
  return ([4, 6] as const).flatMap((family) =>
    addresses.some((address) => familyOf(address) === family) ? POD_ROUTES[family] : [],
  );
}

/** Gives the pod's end its addresses and the routes of every pod. */
export function dressPod(pod: NamespaceHandle, podInterface: string, addresses: readonly Address[]): void {
  const kernel = openKernel({ namespace: pod });
  try {
    const eth = kernel.link(podInterface);
    if (eth === undefined) throw refused(`finding ${podInterface} in the pod`, "it is gone");
    if (addresses.some(isIpv6)) for (const [path, value] of podSwitches(podInterface)) kernel.writeSysctl(path, value);
    const operations: KernelOperation[] = [];
    const names: string[] = [];
    const push = (name: string, operation: KernelOperation) => {
      names.push(name);
      operations.push(operation);
    };
    push("setting lo up", { op: "link.set", index: LOOPBACK, change: { up: true } });
    push(`setting ${podInterface} up`, { op: "link.set", index: eth.index, change: { up: true } });
    for (const address of addresses) {
      push(`adding ${formatAddress(address)}`, {
        op: "address.add",
        address: {
          linkIndex: eth.index,
          address,
          prefixLength: typeof address === "number" ? 32 : 128,
          scope: SCOPE_UNIVERSE,
        },
      });
    }
    for (const route of routesFor(addresses)) {
      push(`adding ${route.what}`, { op: "route.replace", route: kernelRoute(eth.index, route) });
    }
    check(kernel.apply(operations), names);
  } finally {
    kernel.close();
  }
}

/** What is wrong with a pod's side, in words; empty if nothing. For CHECK. */
export function inspectPod(pod: NamespaceHandle, podInterface: string, addresses: readonly Address[]): string[] {
  const kernel = openKernel({ namespace: pod });
  try {
    const link = kernel.link(podInterface);
    if (link === undefined) return [`the pod has no interface ${podInterface}`];
    const problems: string[] = [];
    if (!link.up) problems.push(`${podInterface} in the pod is down`);
    const present = new Set(
      kernel
        .addresses()
        .filter((entry) => entry.linkIndex === link.index)
        .map((entry) => formatAddress(entry.address)),
    );
    for (const address of addresses) {
      if (!present.has(formatAddress(address)))
        problems.push(`${podInterface} in the pod lacks ${formatAddress(address)}`);
    }
    for (const { destination, what } of routesFor(addresses)) {
      const prefix = parsePrefix(destination);
      const found = kernel.routes(prefix.family, MAIN_TABLE).some((route) => {
        return route.destination.equals(prefix) && route.nextHops[0]?.linkIndex === link.index;
      });
      if (!found) problems.push(`the pod lacks ${what} on ${podInterface}`);
    }
    return problems;
  } finally {
    kernel.close();
  }
}

/** Removes the host end, and with it the pod's. False if there was none. */
export async function cutCable(
  { kernel, linkLeaves }: { readonly kernel: Kernel; readonly linkLeaves: (link: Link) => void },
  hostInterface: string,
): Promise<boolean> {
  const link = kernel.link(hostInterface);
  if (link === undefined) return false;
  linkLeaves(link);
  const outcome = await kernel.deleteLink(link.index);
  if (outcome !== undefined && outcome.errno !== "ENODEV")
    throw refused(`removing ${hostInterface}`, outcome.message || outcome.errno);
  return true;
}

function kernelRoute(linkIndex: number, { destination, via }: PodRoute): Route {
  return {
    kind: "unicast",
    destination: parsePrefix(destination),
    table: MAIN_TABLE,
    protocol: PROTOCOL_BOOT,
    scope: via === undefined ? SCOPE_LINK : SCOPE_UNIVERSE,
    metric: 0,
    preferredSource: undefined,
    nextHops: [{ via, linkIndex, weight: 1, onlink: false }],
    mtu: undefined,
  };
}

function check(outcomes: readonly KernelOutcome[], names: readonly string[]): void {
  for (const [index, failure] of outcomes.entries()) {
    if (failure === undefined) continue;
    throw refused(
      names[index] ?? "an operation",
      `${failure.errno}${failure.message === "" ? "" : `: ${failure.message}`}`,
    );
  }
}

function refused(what: string, why: string): PlumbingError {
  return new PlumbingError({ code: "CNI_PLUMBING_FAILED", what: `the kernel refused ${what}`, why });
}
