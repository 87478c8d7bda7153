import { type Family, formatAddress } from "@ocicat/net";
import type { Table } from "@ocicat/nftables";
import { type Endpoint, FAMILIES, type Host, judge, type PolicyModel, type Stage, verdict } from "@ocicat/policy";
import { describe, expect, it } from "vitest";
import { compileModel } from "../../src/index.ts";
import { rangesInModel, rangesInTable } from "../../src/verify/cuts.ts";
import { Chains } from "../../src/verify/kernel/chains.ts";
import { judgePacket } from "../../src/verify/kernel/judge.ts";
import { Ways } from "../../src/verify/kernel/ways.ts";
import { Expected } from "../../src/verify/model/expected.ts";
import { Members } from "../../src/verify/model/members.ts";
import { placesOf } from "../../src/verify/model/places.ts";
import { Stages } from "../../src/verify/model/stage.ts";
import { describeProbe, type Probe, packetOf, valueIn } from "../../src/verify/probe.ts";
import { Diagrams } from "../../src/verify/space/diagram.ts";
import { AddressLine, sizesOf } from "../../src/verify/space/header.ts";
import { Logic } from "../../src/verify/space/logic.ts";
import { Dice } from "../support/dice.ts";
import { NODE, randomPolicies } from "../support/random-policies.ts";
import { edgeAddresses, randomProbe } from "../support/random-probes.ts";

const OPTIONS = { interfacePrefix: "cali", flowLog: false, logPrefix: "test" };
const SETS = 40;
const PROBES = 40;
const STAGES: Readonly<Record<Endpoint["kind"], readonly Stage[]>> = {
  workload: ["normal"],
  host: ["normal", "untracked", "preDnat", "forward"],
};
const OUTCOMES: ReadonlyMap<string, string> = new Map([
  ["accept", "allow"],
  ["drop", "deny"],
  ["next", "next"],
]);

function proof(model: PolicyModel, table: Table, family: Family) {
  const addresses = new AddressLine(family, [...rangesInTable(table), ...rangesInModel(model)]);
  const diagrams = new Diagrams(sizesOf(addresses));
  const logic = new Logic(diagrams, addresses);
  const stages = new Stages(model, logic, new Members(model));
  const ways = new Ways(logic, new Chains(logic, table), table);
  return { addresses, diagrams, stages, ways, expected: new Expected(logic, stages, model.settings) };
}

/** Hands in every seed's model with its table, family for family, and packets for it. */
function eachProbe(
  hosts: boolean,
  check: (
    model: PolicyModel,
    table: Table,
    proved: ReturnType<typeof proof>,
    probe: Probe,
    dice: Dice,
    said: string,
  ) => void,
): void {
  for (let seed = 0; seed < SETS; seed++) {
    const dice = new Dice(seed);
    const model = randomPolicies(seed, { hosts });
    const [table] = compileModel(model, NODE, OPTIONS);
    if (table === undefined) throw new Error("no table");
    for (const family of FAMILIES) {
      const proved = proof(model, table, family);
      const addresses = edgeAddresses(model, family);
      for (let round = 0; round < PROBES; round++) {
        const probe = randomProbe(addresses, dice);
        check(model, table, proved, probe, dice, `seed ${seed}: ${describeProbe(probe)}`);
      }
    }
  }
}

describe("the diagrams say of one packet", () => {
  it("what the kernel's rules say, taken one after the other", () => {
    let compared = 0;
    eachProbe(true, (model, table, { ways, diagrams, addresses }, probe, dice, said) => {
      const places = placesOf(model, [table], { node: NODE, interfacePrefixes: ["cali"] });
      const [from, to] = [dice.pick(places), dice.pick(places)];
      const journey = dice.pick(["forward", "input", "output"] as const);
      const traffic = {
        incoming: journey === "output" ? "" : from.name,
        outgoing: journey === "input" ? "" : to.name,
      };
      const meaning = ways.meaning(ways.chainsOf(journey), traffic);
      const leaf = diagrams.follow(meaning, valueIn(probe, addresses));
      const { verdict: judged } = judgePacket(table, probe, journey, traffic);
      expect(leaf.kind, `${said}, ${journey} ${traffic.incoming} ${traffic.outgoing}`).toBe(judged);
      compared++;
    });
    expect(compared).toBe(SETS * PROBES * FAMILIES.length);
  });

  it("what the model's judge says of an endpoint's stage", () => {
    const seen = new Set<string>();
    eachProbe(true, (model, _table, { stages, diagrams, addresses }, probe, dice, said) => {
      const at = valueIn(probe, addresses);
      const packet = packetOf(probe);
      const direction = dice.pick(["ingress", "egress"] as const);
      for (const endpoint of model.endpoints) {
        for (const stage of STAGES[endpoint.kind]) {
          const { kind } = diagrams.follow(stages.stage(endpoint, direction, stage), at);
          const outcome = judge({ packet, endpoint, direction, stage }, model).at(-1)?.outcome ?? "next";
          expect(OUTCOMES.get(kind), `${said}, ${endpoint.id} ${direction} ${stage}`).toBe(outcome);
          seen.add(`${endpoint.kind} ${stage} ${outcome}`);
        }
      }
    });
    expect([...seen].sort()).toEqual([
      "host forward allow",
      "host forward deny",
      "host forward next",
      "host normal allow",
      "host normal deny",
      "host preDnat allow",
      "host preDnat deny",
      "host preDnat next",
      "host untracked allow",
      "host untracked deny",
      "host untracked next",
      "workload normal allow",
      "workload normal deny",
    ]);
  });

  it("what verdict() says of a connection between two workloads", () => {
    const seen = new Set<boolean>();
    eachProbe(true, (model, _table, { expected, diagrams, addresses }, random, dice, said) => {
      const local = model.endpoints.flatMap((one) => (one.kind === "workload" && one.node === NODE ? [one] : []));
      const [from, to] = [dice.pick(local), dice.pick(local)];
      const [source, destination] = [from, to].map((one) =>
        one.addresses.find((address) => typeof address === typeof random.source),
      );
      if (source === undefined || destination === undefined) return;
      const probe: Probe = { ...random, source, destination, state: "new", revoked: false };
      const at = valueIn(probe, addresses);
      const everywhere = model.endpoints.find((one): one is Host => one.kind === "host" && one.interfaceName === "*");
      const place = (endpoint: (typeof local)[number]) =>
        ({ kind: "workload", name: endpoint.interfaceName, endpoint, everywhere }) as const;
      const allowed =
        diagrams.follow(expected.forwardedFrom(place(from)), at).kind === "accept" &&
        diagrams.follow(expected.forwardedTo(place(to)), at).kind === "accept";
      expect(allowed, `${said}, ${formatAddress(source)} ${formatAddress(destination)}`).toBe(
        verdict(packetOf(probe), model).allowed,
      );
      seen.add(allowed);
    });
    expect(seen.size).toBe(2);
  });
});
