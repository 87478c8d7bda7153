import { type Address, familyOf, parseAddress } from "@ocicat/net";
import { NftError, NftReconciler, readTables, type Table } from "@ocicat/nftables";
import { hasPorts, type Packet, type PolicyModel, Protocol } from "@ocicat/policy";
import { describe, expect, it } from "vitest";
import {
  compileModel,
  describeDifference,
  describeProbe,
  type Journey,
  judgePacket,
  POLICY_TABLE,
  type Probe,
  type Traffic,
  verifyNode,
} from "../../src/index.ts";
import { Dice } from "../support/dice.ts";
import { mutate } from "../support/mutations.ts";
import { NODE } from "../support/random-policies.ts";
import { NODE_ADDRESSES, ProbedNode, UPLINK } from "./support/node.ts";
import { provable } from "./support/provable.ts";

const COMPILE = { interfacePrefix: "cali", flowLog: false, logPrefix: "test" };
const OPTIONS = { node: NODE, interfacePrefixes: ["cali"] };
const PODS = 4;
const OUTSIDE = ["192.0.2.9", "198.51.100.7", "2001:db8::7"].map((text) => parseAddress(text));

/** Has the table in the kernel, and only it. Answers what the kernel has then; undefined: it is no table that a kernel takes. */
function throughKernel(node: ProbedNode, table: Table) {
  const nft = new NftReconciler(node.nft);
  try {
    nft.setTables([POLICY_TABLE], [table]);
    nft.apply();
  } catch (error) {
    if (error instanceof NftError) return undefined;
    throw error;
  }
  const [actual] = readTables((request) => node.nft.nftQuery(request), [POLICY_TABLE]);
  return actual;
}

function podsOf({ endpoints }: PolicyModel) {
  return endpoints.flatMap((one) => (one.kind === "workload" && one.node === NODE ? [one] : []));
}

describe("a kernel's table", () => {
  it("is proved as it is read back, and once one thing is otherwise, a packet shows it", () => {
    using node = new ProbedNode(podsOf(provable(0, { pods: PODS })));
    let found = 0;
    for (let seed = 0; seed < 14; seed++) {
      const model = provable(seed, { pods: PODS, hosts: seed % 2 === 1 });
      const [table] = compileModel(model, NODE, COMPILE);
      if (table === undefined) throw new Error("no table");
      const actual = throughKernel(node, table);
      if (actual === undefined) throw new Error("the kernel refuses what is compiled");
      const proof = verifyNode({ table: actual.table, unknown: actual.unknown, model, options: OPTIONS });
      expect(proof.differences.map(describeDifference), `seed ${seed}`).toEqual([]);

      const dice = new Dice(seed);
      const differences = (of: Table) =>
        verifyNode({ table: of, model, options: OPTIONS }).differences.map(describeDifference);
      for (let round = 0; round < 4; round++) {
        const mutation = mutate(table, dice);
        const mutated = mutation && throughKernel(node, mutation.table);
        if (mutation === undefined || mutated === undefined) continue;
        // Whatever was found in what was written is found in what is read back, word for word.
        const readBack = differences(mutated.table);
        expect(readBack, `seed ${seed}: ${mutation.name}`).toEqual(differences(mutation.table));
        if (readBack.length > 0) found++;
      }
    }
    expect(found).toBeGreaterThan(6);
  });

  it("does to packets what judgePacket() says, right or wrong", () => {
    const counts = { accept: 0, drop: 0, unknown: 0 };
    using node = new ProbedNode(podsOf(provable(0, { pods: PODS })));
    let number = 0x4f44_0000;
    for (let seed = 0; seed < 10; seed++) {
      const dice = new Dice(1000 + seed);
      const whole = provable(seed, { pods: PODS, hosts: seed % 2 === 1 });
      // What is not tracked has another state at the next hook, which is nothing that judgePacket() follows.
      const model = { ...whole, policies: whole.policies.filter(({ untracked }) => !untracked) };
      const [table] = compileModel(model, NODE, COMPILE);
      const mutation = table && mutate(table, dice);
      const actual = mutation && throughKernel(node, mutation.table);
      if (mutation === undefined || actual === undefined) continue;
      const sent = Array.from({ length: 300 }, () => {
        const { packet, traffic, journey } = randomPacket(model, dice);
        const judged = judgePacket(actual.table, probeOf(packet), journey, traffic);
        return { packet, number: ++number, judged: judged.verdict };
      }).filter(({ judged }) => judged !== "unknown");
      node.forget();
      const passing = sent.filter(({ judged }) => judged === "accept");
      const arrived = node.pass(sent, (numbers) => passing.every((one) => numbers.has(one.number)), 1000);
      for (const { packet, judged, number: own } of sent) {
        const said = `seed ${seed}, ${mutation.name}: ${describeProbe(probeOf(packet))}`;
        expect(arrived.has(own) ? "accept" : "drop", said).toBe(judged);
        counts[judged] += 1;
      }
    }
    expect(counts.accept).toBeGreaterThan(200);
    expect(counts.drop).toBeGreaterThan(200);
  });
});

/** The first of a connection that no other packet belongs to. */
function randomPacket(
  model: PolicyModel,
  dice: Dice,
): { readonly packet: Packet; readonly journey: Journey; readonly traffic: Traffic } {
  const pods = podsOf(model);
  const ends: { readonly address: Address; readonly name: string }[] = [
    ...pods.flatMap(({ addresses, interfaceName }) => addresses.map((address) => ({ address, name: interfaceName }))),
    ...NODE_ADDRESSES.map((address) => ({ address, name: "" })),
    ...OUTSIDE.map((address) => ({ address, name: UPLINK })),
  ];
  const from = dice.pick(ends);
  const to = dice.pick(
    ends.filter(({ address, name }) => typeof address === typeof from.address && name !== from.name),
  );
  const protocol = dice.pick([Protocol.tcp, Protocol.udp, Protocol.sctp]);
  const packet = {
    source: from.address,
    destination: to.address,
    protocol,
    sourcePort: 20_000 + dice.below(40_000),
    destinationPort: dice.pick([53, 80, 81, 443, 8080, 8300]),
  };
  const journey = from.name === "" ? "output" : to.name === "" ? "input" : "forward";
  return { packet, journey, traffic: { incoming: from.name, outgoing: to.name } };
}

function probeOf(packet: Packet): Probe {
  expect(hasPorts(packet.protocol) && familyOf(packet.source) === familyOf(packet.destination)).toBe(true);
  return {
    source: packet.source,
    destination: packet.destination,
    protocol: packet.protocol,
    sourcePort: packet.sourcePort ?? 0,
    destinationPort: packet.destinationPort ?? 0,
    icmpType: 0,
    icmpCode: 0,
    tcpFlags: 2,
    state: "new",
    mark: 0,
    revoked: false,
  };
}
