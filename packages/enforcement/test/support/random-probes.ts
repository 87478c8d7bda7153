import type { Address, Family } from "@ocicat/net";
import { type PolicyModel, Protocol } from "@ocicat/policy";
import { rangesInModel } from "../../src/verify/cuts.ts";
import type { Probe } from "../../src/verify/probe.ts";
import { STATES } from "../../src/verify/space/header.ts";
import type { Dice } from "./dice.ts";

/** Where the model changes its mind: the ends of its ranges, and their neighbours. */
export function edgeAddresses(model: PolicyModel, family: Family): Address[] {
  return rangesInModel(model).flatMap(({ first, last }) =>
    (typeof first === "number" ? 4 : 6) === family ? [first, last] : [],
  );
}

/** A packet, mostly one that rules of a model ask for. */
export function randomProbe(addresses: readonly Address[], dice: Dice): Probe {
  return {
    source: dice.pick(addresses),
    destination: dice.pick(addresses),
    protocol: dice.pick([...Object.values(Protocol), 47, 2]),
    sourcePort: dice.pick([53, 80, 443, 8080, 40_000]),
    destinationPort: dice.pick([22, 53, 80, 81, 443, 444, 4789, 8080, 8200]),
    icmpType: dice.pick([0, 3, 8, 128, 135]),
    icmpCode: dice.pick([0, 1, 2]),
    tcpFlags: dice.pick([2, 2, 16, 18]),
    state: dice.pick([...STATES, "new", "new", "new", "new"]),
    mark: dice.pick([0, 0, 0x10000, 0x20000, 0x30000]),
    revoked: dice.chance(10),
  };
}
