import {
  compileModel,
  describeDifference,
  EMPTY_POLICY_TABLE,
  interfacesOf,
  POLICY_TABLE,
  PolicyTables,
  verifyNode,
} from "@ocicat/enforcement";
import { type Random, seededRandom } from "@ocicat/kit";
import { type Address, compareAddresses, familyOf, parseAddress } from "@ocicat/net";
import { NftReconciler, readTables } from "@ocicat/nftables";
import { hasPorts, type Packet, type PolicyModel, Protocol, verdict } from "@ocicat/policy";
import { NODE } from "../../support/random-policies.ts";
import { Told } from "../../support/told.ts";
import { NODE_ADDRESSES, type Pod, ProbedNode } from "./node.ts";

/** A packet, and what should become of it. */
export interface Judged {
  readonly packet: Packet;
  readonly allowed: boolean;
}

const OPTIONS = { interfacePrefix: "cali", flowLog: false, logPrefix: "calico-packet" };

const OUTSIDE = ["192.0.2.9", "198.51.100.7", "10.200.0.1", "2001:db8::7", "2001:db8:1::1"].map((text) =>
  parseAddress(text),
);
const PORTS = [80, 81, 443, 8080, 8300];
/** Those of random models; what comes from them looks like an answer. Never from one to another: that could be one. */
const FAILSAFE_PORTS = [22, 53];

/** Every packet's own source port: outside the ports that policies name. */
const FIRST_SOURCE_PORT = 20_000;
const SOURCE_PORTS = 40_000;

/** How the kernel gets from one model to the next: by the whole table, or by what changes. */
export type Way = "whole" | "changes";

/** A node whose kernel has one model after the other enforced, and is asked by packets whether it agrees with verdict(). */
export class Proof implements Disposable {
  readonly #node: ProbedNode;
  readonly #nft: NftReconciler;
  readonly #told = new Told(NODE);
  readonly #tables: PolicyTables | undefined;
  /** Far from what stands in the kernel's own packets by chance. */
  #number = 0x4f43_0000;

  /** `first`: any model with the same pods as all others. */
  constructor(first: PolicyModel, way: Way) {
    this.#node = new ProbedNode(podsOf(first));
    this.#nft = new NftReconciler(this.#node.nft);
    this.#nft.setTables([POLICY_TABLE], [EMPTY_POLICY_TABLE]);
    if (way === "changes") this.#tables = new PolicyTables(this.#nft, { ...OPTIONS, settings: first.settings });
  }

  [Symbol.dispose](): void {
    this.#node[Symbol.dispose]();
  }

  /** Has the model enforced. */
  enforce(model: PolicyModel): void {
    if (this.#tables === undefined) {
      this.#nft.setTables([POLICY_TABLE], compileModel(model, NODE, OPTIONS));
    } else {
      this.#tables.setOptions({ ...OPTIONS, settings: model.settings });
      this.#tables.setInterfaces(interfacesOf(model, NODE));
      this.#tables.apply(this.#told.tell(model));
    }
    this.#nft.apply();
  }

  /** What the kernel holds, read back, that is otherwise than the model for any packet: without sending one. */
  differences(model: PolicyModel): readonly string[] {
    const [actual] = readTables(this.#node.nft.nftQuery.bind(this.#node.nft), [POLICY_TABLE]);
    const options = { node: NODE, interfacePrefixes: [OPTIONS.interfacePrefix] };
    const read = { table: actual?.table, unknown: actual?.unknown ?? [] };
    return verifyNode({ ...read, model, options }).differences.map(describeDifference);
  }

  /** Sends packets of all kinds between all ends, `each` for each ordered pair and family. Answers how many, and the disagreements. */
  probe(model: PolicyModel, seed: number, each: number): { readonly sent: number; readonly wrong: readonly Judged[] } {
    const random = seededRandom(seed);
    const packets = pairsOf(model)
      .flatMap(([source, destination]) => Array.from({ length: each }, () => this.#packet(random, source, destination)))
      .filter((packet) => !isTunnelFromElsewhere(packet, model));
    return { sent: packets.length, wrong: this.disagreements(model, packets) };
  }

  /** `patience`: milliseconds until what has not come is taken to be lost; nothing waits where all comes that should. */
  disagreements(model: PolicyModel, packets: readonly Packet[], patience = 1000): readonly Judged[] {
    const judged = packets.map((packet) => ({ packet, allowed: verdict(packet, model).allowed }));
    return this.unexpected(judged, patience);
  }

  /** Sends them all, each as the first of its connection. Answers those that fared otherwise than they should. */
  unexpected<T extends Judged>(judged: readonly T[], patience = 1000): readonly T[] {
    this.#node.forget();
    const probes = judged.map((one) => ({ ...one, number: ++this.#number }));
    const expected = probes.filter(({ allowed }) => allowed);
    const arrived = this.#node.pass(probes, (some) => expected.every(({ number }) => some.has(number)), patience);
    return probes.filter(({ number, allowed }) => arrived.has(number) !== allowed);
  }

  #packet(random: Random, source: Address, destination: Address): Packet {
    const icmp = familyOf(source) === 4 ? Protocol.icmp : Protocol.icmpv6;
    const protocol = pick(random, [
      Protocol.tcp,
      Protocol.tcp,
      Protocol.udp,
      Protocol.udp,
      Protocol.sctp,
      Protocol.sctp,
      icmp,
      // Without ports; others one way than the other, so that one end's first packet is not an answer to the other's.
      compareAddresses(source, destination) < 0 ? 47 : pick(random, [103, Protocol.ipip]),
    ]);
    if (protocol === icmp) {
      return {
        source,
        destination,
        protocol,
        icmp: { type: icmp === Protocol.icmp ? 8 : 128, code: pick(random, [0, 1]) },
      };
    }
    if (!hasPorts(protocol)) return { source, destination, protocol };
    const answers = below(random, 10) === 0;
    return {
      source,
      destination,
      protocol,
      sourcePort: answers
        ? pick(random, FAILSAFE_PORTS)
        : FIRST_SOURCE_PORT + ((this.#number + below(random, SOURCE_PORTS)) % SOURCE_PORTS),
      destinationPort: pick(random, answers ? PORTS : [...PORTS, ...FAILSAFE_PORTS]),
    };
  }
}

function podsOf({ endpoints }: PolicyModel): readonly Pod[] {
  return endpoints.flatMap((endpoint) =>
    endpoint.kind === "workload" && endpoint.node === NODE
      ? [{ interfaceName: endpoint.interfaceName, addresses: endpoint.addresses }]
      : [],
  );
}

/** All ordered pairs of one family of which at least one end is on the node. */
function pairsOf({ endpoints }: PolicyModel): readonly (readonly [Address, Address])[] {
  const workloads = endpoints.filter(({ kind }) => kind === "workload");
  const addresses = (local: boolean) =>
    workloads.filter(({ node }) => (node === NODE) === local).flatMap((endpoint) => endpoint.addresses);
  const near = [...addresses(true), ...NODE_ADDRESSES];
  const far = [...addresses(false), ...OUTSIDE];
  return [...near, ...far].flatMap((source) =>
    [...near, ...far]
      .filter((destination) => familyOf(source) === familyOf(destination))
      .filter((destination) => near.includes(source) || near.includes(destination))
      .map((destination) => [source, destination] as const),
  );
}

/** Which its own node would not let out. */
function isTunnelFromElsewhere(
  { source, protocol, destinationPort }: Packet,
  { endpoints, settings }: PolicyModel,
): boolean {
  const isVxlan = protocol === Protocol.udp && destinationPort === settings.vxlanPort;
  if (!isVxlan && protocol !== Protocol.ipip) return false;
  return endpoints.some(
    ({ node, addresses }) => node !== NODE && addresses.some((address) => compareAddresses(address, source) === 0),
  );
}

function below(random: Random, bound: number): number {
  return Math.floor((random.uint32() / 2 ** 32) * bound);
}

function pick<T>(random: Random, from: readonly T[]): T {
  const picked = from[below(random, from.length)];
  if (picked === undefined) throw new RangeError("nothing to pick from");
  return picked;
}
