import { writeFileSync } from "node:fs";
import { type Address, addressToBytes, type Family, familyOf, formatAddress, parseAddress } from "@ocicat/net";
import { type Packet, Protocol } from "@ocicat/policy";
import { close, receive, send, setOption, socket } from "../../../../nftables/test/support/libc.ts";
import { Namespace } from "../../../../nftables/test/support/namespace.ts";
import { NfnetlinkSocket } from "../../../../nftables/test/support/nfnetlink.ts";
import {
  arpRequest,
  ethernetFrame,
  ipPacket,
  isArpReply,
  numberInBody,
  numberInFrame,
  numberInPacket,
} from "./frame.ts";

/** The node's own addresses, on eth0. */
export const NODE_ADDRESSES: readonly Address[] = [parseAddress("10.65.0.200"), parseAddress("fd65::c8")];
export const UPLINK = "eth0";

/** A pod of this node: its interface there, and its addresses. */
export interface Pod {
  readonly interfaceName: string;
  readonly addresses: readonly Address[];
}

/** A packet that is sent, and by whom: a pod, the node itself, or somebody behind eth0. */
export interface Probe {
  readonly packet: Packet;
  readonly number: number;
  /** Of TCP; SYN unless told. */
  readonly flags?: number;
}

/** One end of a link: where frames are sent and seen. */
interface Port {
  readonly index: number;
  readonly mac: Uint8Array;
  /** The node's end. */
  readonly nodeMac: Uint8Array;
}

/**
 * A node with pods, as its kernel sees them; what is behind the links has no stack of its own and answers nothing:
 *
 *     p0 ── cali0 ┐
 *     p1 ── cali1 ┤ node ── eth0 ── outside      pods of other nodes, and everything outside
 *     …           ┘
 *
 * One socket sends on and hears all links. What reaches the node itself is heard by raw sockets, which stand behind its rules.
 */
export class ProbedNode implements Disposable {
  readonly node: Namespace;
  readonly #links: Namespace;
  readonly nft: NfnetlinkSocket;
  readonly #ports = new Map<string, Port>();
  readonly #byAddress = new Map<string, string>();
  readonly #byIndex = new Map<number, string>();
  readonly #sender: number;
  readonly #receiver: number;
  readonly #own: Readonly<Record<Family, number>>;
  readonly #heard: readonly { readonly fd: number; readonly family: Family; readonly protocol: number }[];
  readonly #made: DisposableStack;

  /** Throws with nothing left behind. */
  constructor(pods: readonly Pod[]) {
    using made = new DisposableStack();
    const opened = (fd: number) => made.adopt(fd, close);
    this.node = made.use(new Namespace("n"));
    this.#links = made.use(new Namespace("l"));
    for (const namespace of [this.node, this.#links]) {
      sysctl(namespace, "net/ipv6/conf/default/accept_dad", "0");
      sysctl(namespace, "net/ipv6/conf/default/router_solicitations", "0");
      namespace.ip("link set lo up");
    }
    sysctl(this.#links, "net/ipv6/conf/default/disable_ipv6", "1");
    for (const [path, value] of NODE_SYSCTLS) sysctl(this.node, path, value);
    this.#link(pods);
    this.#learn(pods);
    this.#sender = opened(this.#links.within(() => socket(AF_PACKET, SOCK_RAW, 0)));
    this.#receiver = opened(this.#links.within(() => socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL))));
    setOption(this.#receiver, SOL_PACKET, PACKET_IGNORE_OUTGOING, int(1));
    setOption(this.#receiver, SOL_SOCKET, SO_RCVBUFFORCE, int(64 << 20));
    this.#own = { 4: opened(this.#raw(4, IPPROTO_RAW)), 6: opened(this.#raw(6, IPPROTO_RAW)) };
    this.#heard = HEARD.map(({ family, protocol }) => ({ family, protocol, fd: opened(this.#raw(family, protocol)) }));
    this.nft = made.use(new NfnetlinkSocket(this.node));
    this.#made = made.move();
  }

  [Symbol.dispose](): void {
    this.#made.dispose();
  }

  /** No connection is known any more: what comes next is judged as the first of its own. */
  forget(): void {
    this.nft.nftQuery(FLUSH_CONNECTIONS);
  }

  /**
   * Sends them all. Answers the numbers of those that arrived where they were to go; `patience`: how many milliseconds there
   * are until `enough` must have.
   */
  pass(
    probes: readonly Probe[],
    enough: (arrived: ReadonlySet<number>) => boolean,
    patience: number,
  ): ReadonlySet<number> {
    const arrived = new Set<number>();
    const wanted = new Map(probes.map((probe) => [probe.number, this.#wayOut(probe.packet.destination)]));
    for (const [index, probe] of probes.entries()) {
      this.#send(probe);
      // The receive buffers are large, and not without end.
      if (index % 256 === 255) this.#collect(wanted, arrived);
    }
    this.#barrier(wanted, arrived);
    const deadline = performance.now() + patience;
    while (!enough(arrived) && performance.now() < deadline) this.#collect(wanted, arrived);
    return arrived;
  }

  #send({ packet, number, flags }: Probe): void {
    const family = familyOf(packet.source);
    const bytes = ipPacket(packet, number, flags);
    const from = this.#wayOut(packet.source);
    if (from === OWN) {
      try {
        send(this.#own[family], bytes, socketAddress(packet.destination));
      } catch (error) {
        // Dropped on its way out: the sender is told.
        if (!(error instanceof Error && "errno" in error && error.errno === "EPERM")) throw error;
      }
      return;
    }
    const port = this.#port(from);
    send(this.#sender, ethernetFrame(port.nodeMac, port.mac, family, bytes), linkAddress(port.index));
  }

  /** What was sent before this has gone as far as it goes. */
  #barrier(wanted: ReadonlyMap<number, string>, arrived: Set<number>): void {
    const up = this.#port(UPLINK);
    const deadline = performance.now() + LONG;
    const [address] = NODE_ADDRESSES;
    if (address === undefined) throw new RangeError("the node has addresses");
    send(
      this.#sender,
      arpRequest(up.mac, Uint8Array.of(10, 65, 0, 254), addressToBytes(address)),
      linkAddress(up.index),
    );
    while (!this.#collect(wanted, arrived)) {
      if (performance.now() > deadline) throw new Error("the node does not answer");
    }
  }

  /** True if an answer to the barrier was among what came. */
  #collect(wanted: ReadonlyMap<number, string>, arrived: Set<number>): boolean {
    let answered = false;
    const note = (number: number | undefined, at: string) => {
      if (number !== undefined && wanted.get(number) === at) arrived.add(number);
    };
    for (;;) {
      const received = receive(this.#receiver, false);
      if (received === undefined) break;
      const at = this.#byIndex.get(new DataView(received.from.buffer).getInt32(4, true)) ?? "";
      if (isArpReply(received.data)) answered = true;
      else note(numberInFrame(received.data), at);
    }
    for (const { fd, family, protocol } of this.#heard) {
      for (;;) {
        const received = receive(fd, false);
        if (received === undefined) break;
        note(family === 4 ? numberInPacket(received.data) : numberInBody(protocol, received.data), OWN);
      }
    }
    return answered;
  }

  /** The link on which an address is, or OWN. */
  #wayOut(address: Address): string {
    const text = formatAddress(address);
    if (NODE_ADDRESSES.some((own) => formatAddress(own) === text)) return OWN;
    return this.#byAddress.get(text) ?? UPLINK;
  }

  #port(name: string): Port {
    const port = this.#ports.get(name);
    if (port === undefined) throw new RangeError(`there is no link ${name}`);
    return port;
  }

  #raw(family: Family, protocol: number): number {
    const fd = this.node.within(() => socket(family === 4 ? AF_INET : AF_INET6, SOCK_RAW, protocol));
    setOption(fd, SOL_SOCKET, SO_RCVBUFFORCE, int(16 << 20));
    return fd;
  }

  #link(pods: readonly Pod[]): void {
    const add = (name: string, far: string, index: number) =>
      `link add ${name} address ${mac(0xee, index)} type veth peer name ${far} address ${mac(0x02, index)} netns ${this.#links.name}`;
    this.node.ip(
      add(UPLINK, farName(UPLINK), 0),
      ...NODE_ADDRESSES.map(
        (address) => `address add ${formatAddress(address)}/${familyOf(address) === 4 ? 32 : 128} dev ${UPLINK}`,
      ),
      `link set ${UPLINK} up`,
      `route add 10.65.0.254/32 dev ${UPLINK} scope link`,
      `neighbour add 10.65.0.254 lladdr ${mac(0x02, 0)} dev ${UPLINK} nud permanent`,
      `neighbour add fd65::fe lladdr ${mac(0x02, 0)} dev ${UPLINK} nud permanent`,
      `route add default via 10.65.0.254 dev ${UPLINK}`,
      `route add fd65::fe/128 dev ${UPLINK}`,
      `route add default via fd65::fe dev ${UPLINK}`,
      ...pods.flatMap(({ interfaceName, addresses }, index) => [
        add(interfaceName, farName(interfaceName), index + 1),
        `link set ${interfaceName} up`,
        ...addresses.flatMap((address) => [
          `route add ${formatAddress(address)} dev ${interfaceName}`,
          `neighbour add ${formatAddress(address)} lladdr ${mac(0x02, index + 1)} dev ${interfaceName} nud permanent`,
        ]),
      ]),
    );
    this.#links.ip(
      ...[UPLINK, ...pods.map(({ interfaceName }) => interfaceName)].map((name) => `link set ${farName(name)} up`),
    );
  }

  #learn(pods: readonly Pod[]): void {
    const indexes = new Map(
      this.#links
        .run("ip", "-o", "link")
        .split("\n")
        .map((line) => /^(\d+): ([^:@]+)/.exec(line))
        .map((parts) => [parts?.[2] ?? "", Number(parts?.[1])] as const),
    );
    for (const [position, name] of [UPLINK, ...pods.map(({ interfaceName }) => interfaceName)].entries()) {
      const index = indexes.get(farName(name)) ?? 0;
      this.#ports.set(name, { index, mac: macBytes(0x02, position), nodeMac: macBytes(0xee, position) });
      this.#byIndex.set(index, name);
    }
    for (const { interfaceName, addresses } of pods) {
      for (const address of addresses) this.#byAddress.set(formatAddress(address), interfaceName);
    }
  }
}

/** Nobody answers, nobody checks where packets come from, and connections are forgotten soon. */
const NODE_SYSCTLS: readonly (readonly [string, string])[] = [
  ["net/ipv4/ip_forward", "1"],
  ["net/ipv6/conf/all/forwarding", "1"],
  ["net/ipv4/conf/all/rp_filter", "0"],
  ["net/ipv4/conf/default/rp_filter", "0"],
  ["net/ipv4/conf/all/send_redirects", "0"],
  ["net/ipv4/conf/default/send_redirects", "0"],
  ["net/ipv4/icmp_echo_ignore_all", "1"],
  ["net/ipv6/icmp/echo_ignore_all", "1"],
];

/** Stands for the node itself where a link is meant. */
const OWN = "";
/** Milliseconds for an answer that always comes. */
const LONG = 5000;

const HEARD = [
  ...[Protocol.tcp, Protocol.udp, Protocol.sctp, Protocol.icmp, 47, 103, Protocol.ipip].map((protocol) => ({
    family: 4 as const,
    protocol,
  })),
  ...[Protocol.tcp, Protocol.udp, Protocol.sctp, Protocol.icmpv6, 47, 103, Protocol.ipip].map((protocol) => ({
    family: 6 as const,
    protocol,
  })),
];

const AF_INET = 2;
const AF_INET6 = 10;
const AF_PACKET = 17;
const SOCK_RAW = 3;
const IPPROTO_RAW = 255;
const ETH_P_ALL = 3;
const SOL_SOCKET = 1;
const SO_RCVBUFFORCE = 33;
const SOL_PACKET = 263;
const PACKET_IGNORE_OUTGOING = 23;

/*
 *     struct nlmsghdr    length 4  type 2  flags 2  sequence 4  port 4
 *     struct nfgenmsg    family 1  version 1  resource 2
 */
/** NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_DELETE of none in particular; NLM_F_REQUEST | NLM_F_ACK. */
const FLUSH_CONNECTIONS = Uint8Array.of(20, 0, 0, 0, 2, 1, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);

function farName(name: string): string {
  return name === UPLINK ? "outside" : `p${name.slice("cali".length)}`;
}

function mac(first: number, index: number): string {
  return [...macBytes(first, index)].map((byte) => byte.toString(16).padStart(2, "0")).join(":");
}

function macBytes(first: number, index: number): Uint8Array {
  return Uint8Array.of(first, 0, 0, 0, 0, index);
}

/*
 *     struct sockaddr_ll    family 2  protocol 2  index 4  hardware 2  kind 1  length 1  address 8
 */
function linkAddress(index: number): Uint8Array {
  const bytes = new DataView(new ArrayBuffer(20));
  bytes.setUint16(0, AF_PACKET, true);
  bytes.setInt32(4, index, true);
  return new Uint8Array(bytes.buffer);
}

/** struct sockaddr_in, struct sockaddr_in6, without a port. */
function socketAddress(address: Address): Uint8Array {
  const family = familyOf(address);
  const bytes = new Uint8Array(family === 4 ? 16 : 28);
  bytes[0] = family === 4 ? AF_INET : AF_INET6;
  bytes.set(addressToBytes(address), family === 4 ? 4 : 8);
  return bytes;
}

function htons(value: number): number {
  return ((value & 255) << 8) | (value >> 8);
}

function int(value: number): Uint8Array {
  return new Uint8Array(Int32Array.of(value).buffer);
}

function sysctl(namespace: Namespace, path: string, value: string): void {
  namespace.within(() => writeFileSync(`/proc/sys/${path}`, value));
}
