import { type Kernel, type KernelOperation, openNamespace } from "@ocicat/linux";
import { type Ipv4, parseAddress, parsePrefix } from "@ocicat/net";
import { inNamespace, linkIndex, MAIN_TABLE, makeStation, must } from "../world/links.ts";
import type { LabPlaces } from "../world/places.ts";

/** The machine that stands between, and the two ends. */
export const TUNNEL_NAMESPACES = ["host", "ns1", "ns2"] as const;
type Namespace = (typeof TUNNEL_NAMESPACES)[number];

/** One thing done: as a person would type it on the host, and how it is done here. */
export interface Step {
  readonly command: string;
  readonly run: (places: LabPlaces) => void;
}

/** One end, and what of the other it must know. */
interface End {
  readonly namespace: "ns1" | "ns2";
  readonly device: string;
  readonly address: string;
  /** The host's end of the cable. */
  readonly hostDevice: string;
  readonly hostAddress: string;
  readonly farNetwork: string;
  readonly farAddress: string;
  readonly tunnel: string;
  readonly tunnelAddress: string;
  readonly farTunnelAddress: string;
}

/** The addresses of "Calico IPIP across nodes", where the same is done with ip and route. */
const ENDS: readonly End[] = [
  {
    namespace: "ns1",
    device: "v1",
    address: "10.10.10.1",
    hostDevice: "v1_p",
    hostAddress: "10.10.10.2",
    farNetwork: "10.10.20.0/24",
    farAddress: "10.10.20.1",
    tunnel: "tunl1",
    tunnelAddress: "10.10.100.10",
    farTunnelAddress: "10.10.200.20",
  },
  {
    namespace: "ns2",
    device: "v2",
    address: "10.10.20.1",
    hostDevice: "v2_p",
    hostAddress: "10.10.20.2",
    farNetwork: "10.10.10.0/24",
    farAddress: "10.10.10.1",
    tunnel: "tunl2",
    tunnelAddress: "10.10.200.20",
    farTunnelAddress: "10.10.100.10",
  },
];

/** What shows that it works. */
export const TUNNEL_PROOF = { where: "ns1", command: ["ping", "-c", "1", "-W", "5", "10.10.200.20"] } as const;

/** In the order of the walk-through. The namespace `host` is there: it is the machine. */
export function tunnelSteps(): readonly Step[] {
  return [
    forwarding(),
    ...ENDS.map(({ namespace }) => namespaceStep(namespace)),
    ...ENDS.map(cable),
    ...ENDS.map(moved),
    ...ENDS.flatMap((end) => [
      addressed("host", end.hostDevice, end.hostAddress, 24),
      raised("host", end.hostDevice),
      addressed(end.namespace, end.device, end.address, 24),
      raised(end.namespace, end.device),
    ]),
    ...ENDS.map(({ namespace, farNetwork, hostAddress, device }) =>
      routed(namespace, farNetwork, `via ${hostAddress}`, { device, via: hostAddress }),
    ),
    ...ENDS.flatMap((end) => [
      tunnel(end),
      raised(end.namespace, end.tunnel),
      addressed(end.namespace, end.tunnel, end.tunnelAddress, 32),
      routed(end.namespace, `${end.farTunnelAddress}/32`, `dev ${end.tunnel} src ${end.tunnelAddress}`, {
        device: end.tunnel,
        source: end.tunnelAddress,
      }),
    ]),
  ];
}

function forwarding(): Step {
  return {
    command: "echo 1 > /proc/sys/net/ipv4/ip_forward",
    run: (places) => inNamespace(places, "host", (kernel) => kernel.writeSysctl("net/ipv4/ip_forward", "1")),
  };
}

function namespaceStep(name: Namespace): Step {
  return { command: `ip netns add ${name}`, run: (places) => makeStation(places, name) };
}

function cable({ device, hostDevice }: End): Step {
  return kernelStep("host", `ip link add ${device} type veth peer name ${hostDevice}`, () => [
    { op: "link.veth", veth: { name: device, peer: { name: hostDevice } } },
  ]);
}

function moved({ device, namespace }: End): Step {
  const command = `ip link set ${device} netns ${namespace}`;
  return {
    command,
    run(places) {
      using target = openNamespace(places.netns(namespace));
      kernelStep("host", command, (kernel) => [
        { op: "link.set", index: linkIndex(kernel, device), change: { namespaceFd: target.fd } },
      ]).run(places);
    },
  };
}

function addressed(where: Namespace, device: string, address: string, prefixLength: number): Step {
  return kernelStep(where, `ip address add ${address}/${prefixLength} dev ${device}`, (kernel) => [
    {
      op: "address.add",
      address: { linkIndex: linkIndex(kernel, device), address: parseAddress(address), prefixLength, scope: 0 },
    },
  ]);
}

function raised(where: Namespace, device: string): Step {
  return kernelStep(where, `ip link set ${device} up`, (kernel) => [
    { op: "link.set", index: linkIndex(kernel, device), change: { up: true } },
  ]);
}

function routed(
  where: Namespace,
  destination: string,
  words: string,
  { device, via, source }: { readonly device: string; readonly via?: string; readonly source?: string },
): Step {
  return kernelStep(where, `ip route add ${destination} ${words}`, (kernel) => [
    {
      op: "route.replace",
      route: {
        kind: "unicast",
        destination: parsePrefix(destination),
        table: MAIN_TABLE,
        // RTPROT_BOOT and the scope: as `ip route add` says them.
        protocol: 3,
        scope: via === undefined ? 253 : 0,
        metric: 0,
        preferredSource: source === undefined ? undefined : parseAddress(source),
        nextHops: [
          {
            via: via === undefined ? undefined : parseAddress(via),
            linkIndex: linkIndex(kernel, device),
            weight: 1,
            onlink: false,
          },
        ],
        mtu: undefined,
      },
    },
  ]);
}

function tunnel({ namespace, tunnel: name, farAddress, address }: End): Step {
  return kernelStep(namespace, `ip tunnel add ${name} mode ipip remote ${farAddress} local ${address}`, () => [
    { op: "link.ipip", ipip: { name, remote: ipv4(farAddress), local: ipv4(address) } },
  ]);
}

function kernelStep(where: Namespace, command: string, operations: (kernel: Kernel) => KernelOperation[]): Step {
  return {
    command: where === "host" ? command : `ip netns exec ${where} ${command}`,
    run: (places) => inNamespace(places, where, (kernel) => must(kernel, operations(kernel), command)),
  };
}

function ipv4(text: string): Ipv4 {
  const address = parseAddress(text);
  if (typeof address !== "number") throw new Error(`${text} is not an IPv4 address`);
  return address;
}
