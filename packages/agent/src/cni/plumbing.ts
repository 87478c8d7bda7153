import { type ErrorDetails, OcicatError } from "@ocicat/kit";
import {
  type Kernel,
  type KernelOperation,
  type KernelOutcome,
  type Link,
  type NamespaceHandle,
  openKernel,
  openNamespace,
} from "@ocicat/linux";
import { type Address, formatAddress, type Mac, parseAddress, parseMac, parsePrefix } from "@ocicat/net";

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
 */
export const HOST_MAC: Mac = parseMac("ee:ee:ee:ee:ee:ee");
export const GATEWAY: Address = parseAddress("169.254.1.1");

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
  for (const [path, value] of hostSwitches(cable.hostInterface)) {
    node.writeSysctl(path, value);
  }
  check(node.apply([{ op: "link.set", index: link.index, change: { up: true } }]), [`setting ${link.name} up`]);
  return { ...link, up: true };
}

/**
 * The host end's switches before it comes up, with their reasons. IPv6 keeps the kernel's own: forwarding on a link joins
 * it to the all-routers group, and leaving that makes the pod's DEL take half as long again (23 ms for 15, measured).
 */
export function hostSwitches(name: string): readonly (readonly [path: string, value: string])[] {
  return [
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
}

/** Gives the pod's end its addresses and the two routes of every pod. */
export function dressPod(pod: NamespaceHandle, podInterface: string, addresses: readonly Address[]): void {
  const kernel = openKernel({ namespace: pod });
  try {
    const eth = kernel.link(podInterface);
    if (eth === undefined) throw refused(`finding ${podInterface} in the pod`, "it is gone");
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
    push("adding the route to 169.254.1.1", {
      op: "route.replace",
      route: podRoute(eth.index, "169.254.1.1/32", undefined),
    });
    push("adding the default route", { op: "route.replace", route: podRoute(eth.index, "0.0.0.0/0", GATEWAY) });
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
    const routes = kernel.routes(4, MAIN_TABLE);
    const through = (destination: string) =>
      routes.some(
        (route) => route.destination.toString() === destination && route.nextHops[0]?.linkIndex === link.index,
      );
    if (!through("169.254.1.1/32")) problems.push(`the pod lacks the route to 169.254.1.1 on ${podInterface}`);
    if (!through("0.0.0.0/0")) problems.push(`the pod lacks the default route via 169.254.1.1 on ${podInterface}`);
    return problems;
  } finally {
    kernel.close();
  }
}

/** Removes the host end, and with it the pod's. False if there was none. */
export async function cutCable(node: Kernel, hostInterface: string): Promise<boolean> {
  const link = node.link(hostInterface);
  if (link === undefined) return false;
  const outcome = await node.deleteLink(link.index);
  if (outcome !== undefined && outcome.errno !== "ENODEV")
    throw refused(`removing ${hostInterface}`, outcome.message || outcome.errno);
  return true;
}

function podRoute(linkIndex: number, destination: string, via: Address | undefined) {
  return {
    kind: "unicast" as const,
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
