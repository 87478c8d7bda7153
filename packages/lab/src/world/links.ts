import { createHash } from "node:crypto";
import { OcicatError } from "@ocicat/kit";
import {
  createNetworkNamespace,
  type Kernel,
  type KernelOperation,
  openKernel,
  openNamespace,
  withNetns,
} from "@ocicat/linux";
import { type Address, parsePrefix } from "@ocicat/net";
import type { InterfaceAddress, LabPlug, LabRouter, LabStation, Topology } from "../topology/topology.ts";
import { BRIDGE, type LabPlaces } from "./places.ts";

export const MAIN_TABLE = 254;
const PROTOCOL_STATIC = 4;

/** One plug: a station's interface in a segment's bridge. */
export interface Plug {
  readonly station: string;
  readonly interfaceName: string;
  readonly segment: string;
  readonly addresses: readonly InterfaceAddress<Address>[];
  /** Default routes, at most one a family. */
  readonly gateways: readonly Address[];
}

/** Every plug of a topology. A router's interfaces are eth0, eth1, …; a node's is as the topology says. */
export function plugsOf(topology: Topology): Plug[] {
  const stationPlug = (station: LabStation, interfaceName: string): Plug => ({
    ...plug(station.name, interfaceName, station),
    gateways: present<Address>(station.gateway, station.gateway6),
  });
  return [
    ...topology.routers.flatMap((router) =>
      router.interfaces.map((port, index) => plug(router.name, `eth${index}`, port)),
    ),
    ...topology.hosts.map((host) => stationPlug(host, "eth0")),
    ...topology.nodes.map((node) => stationPlug(node, topology.nodeInterface)),
  ];
}

function plug(station: string, interfaceName: string, { segment, interface: own, interface6 }: LabPlug): Plug {
  return {
    station,
    interfaceName,
    segment,
    addresses: present<InterfaceAddress<Address>>(own, interface6),
    gateways: [],
  };
}

function present<T>(...values: readonly (T | undefined)[]): T[] {
  return values.filter((value) => value !== undefined);
}

/** A namespace with its loopback up, as a machine has it. */
export function makeStation(places: LabPlaces, name: string): void {
  createNetworkNamespace(places.netns(name));
  inNamespace(places, name, (kernel) => {
    const lo = kernel.links().find((link) => link.loopback);
    if (lo !== undefined)
      must(kernel, [{ op: "link.set", index: lo.index, change: { up: true } }], `${name}: setting lo up`);
  });
}

/** A segment: a bridge in a namespace of its own, so that nothing of the machine's touches it. */
export function makeSegment(places: LabPlaces, segment: string): void {
  makeStation(places, segment);
  inNamespace(places, segment, (kernel) => {
    must(kernel, [{ op: "link.bridge", name: BRIDGE }], `${segment}: making the bridge`);
    must(
      kernel,
      [{ op: "link.set", index: linkIndex(kernel, BRIDGE), change: { up: true } }],
      `${segment}: setting the bridge up`,
    );
  });
}

/** A cable from the segment's bridge to the station, up at both ends, addressed and routed at the station's. */
export function plugIn(places: LabPlaces, plug: Plug): void {
  using station = openNamespace(places.netns(plug.station));
  inNamespace(places, plug.segment, (kernel) => {
    const port = portName(plug.station, plug.interfaceName);
    must(
      kernel,
      [
        {
          op: "link.veth",
          veth: { name: port, up: true, peer: { name: plug.interfaceName, namespaceFd: station.fd } },
        },
      ],
      `${plug.station}: laying its cable`,
    );
    const change = { master: linkIndex(kernel, BRIDGE), up: true };
    must(kernel, [{ op: "link.set", index: linkIndex(kernel, port), change }], `${plug.station}: plugging it in`);
  });
  inNamespace(places, plug.station, (kernel) => {
    const index = linkIndex(kernel, plug.interfaceName);
    const ipv6 = plug.addresses.some(({ address }) => typeof address === "bigint");
    // Its link-local address is nobody else's: looking for one who has it would take the first second of every lab.
    if (ipv6) kernel.writeSysctl(`net/ipv6/conf/${plug.interfaceName}/accept_dad`, "0");
    must(
      kernel,
      [
        { op: "link.set", index, change: { up: true } },
        ...plug.addresses.map(({ address, prefixLength }): KernelOperation => {
          return { op: "address.add", address: { linkIndex: index, address, prefixLength, scope: 0 } };
        }),
        ...plug.gateways.map((gateway) => defaultRoute(index, gateway)),
      ],
      `${plug.station}: setting ${plug.interfaceName} up`,
    );
  });
}

/** Pulls the cable out: both ends are gone when this returns, which is not so when a namespace is deleted. */
export function unplug(places: LabPlaces, plug: Plug): void {
  inNamespace(places, plug.segment, (kernel) => {
    const port = kernel.link(portName(plug.station, plug.interfaceName));
    if (port !== undefined) must(kernel, [{ op: "link.delete", index: port.index }], `${plug.station}: unplugging it`);
  });
}

/**
 * The bridge's end of a cable: `node1.ens33`. The kernel takes 15 characters; what is longer is cut and told apart by a
 * hash, for two stations may begin alike.
 */
export function portName(station: string, interfaceName: string): string {
  const name = `${station}.${interfaceName}`;
  if (name.length <= 15) return name;
  return `${station.slice(0, 8)}.${createHash("sha1").update(name).digest("hex").slice(0, 6)}`;
}

/** Lets a station forward, as a router does. */
export function makeRouter(places: LabPlaces, { name, interfaces }: LabRouter): void {
  inNamespace(places, name, (kernel) => {
    kernel.writeSysctl("net/ipv4/ip_forward", "1");
    // Not on a kernel without IPv6.
    if (interfaces.some((port) => port.interface6 !== undefined))
      kernel.writeSysctl("net/ipv6/conf/all/forwarding", "1");
  });
}

export function inNamespace<T>(places: LabPlaces, part: string, work: (kernel: Kernel) => T): T {
  using namespace = openNamespace(places.netns(part));
  const kernel = withNetns(namespace, () => openKernel({}));
  try {
    return work(kernel);
  } finally {
    kernel.close();
  }
}

function defaultRoute(linkIndex: number, via: Address): KernelOperation {
  return {
    op: "route.replace",
    route: {
      kind: "unicast",
      destination: parsePrefix(typeof via === "number" ? "0.0.0.0/0" : "::/0"),
      table: MAIN_TABLE,
      protocol: PROTOCOL_STATIC,
      scope: 0,
      metric: 0,
      preferredSource: undefined,
      nextHops: [{ via, linkIndex, weight: 1, onlink: false }],
      mtu: undefined,
    },
  };
}

export function linkIndex(kernel: Kernel, name: string): number {
  const link = kernel.link(name);
  if (link === undefined)
    throw new OcicatError({
      code: "LAB_LINK",
      what: `interface ${name} is not there`,
      why: "it was made a moment ago",
    });
  return link.index;
}

export function must(kernel: Kernel, operations: readonly KernelOperation[], what: string): void {
  for (const failure of kernel.apply(operations)) {
    if (failure === undefined) continue;
    throw new OcicatError({ code: "LAB_KERNEL", what: `${what} failed: ${failure.errno} ${failure.message}`.trim() });
  }
}
