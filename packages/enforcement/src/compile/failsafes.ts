import { origin } from "@ocicat/kit";
import {
  ACCEPT,
  COUNTER,
  chain,
  type Expression,
  equal,
  meta,
  number,
  payload,
  prefixValue,
  type RegularChain,
  rule,
  verdict,
} from "@ocicat/nftables";
import type { Failsafe, PolicySettings } from "@ocicat/policy";
import type { Dispatch } from "./dispatch.ts";
import { addressField, NFPROTO, type Side } from "./match/fields.ts";

/*
 *     failsafe-in, failsafe-out         for what begins a connection
 *     failsafe-raw-in, failsafe-raw-out before connections are tracked: answers to the other direction's ports pass as well
 */
const TRACKED = { ingress: "failsafe-in", egress: "failsafe-out" } as const;
const UNTRACKED = { ingress: "failsafe-raw-in", egress: "failsafe-raw-out" } as const;

/** Undefined: what a host forwards, and workloads, have none. */
export function failsafeChainOf({ kind, stage, direction }: Dispatch): string | undefined {
  if (kind === "workload" || stage === "forward") return undefined;
  return (stage === "untracked" ? UNTRACKED : TRACKED)[direction];
}

export function failsafeChains({ failsafeInbound, failsafeOutbound }: PolicySettings): readonly RegularChain[] {
  const inward = failsafeInbound.map((one) => failsafeRule(one, "source", "th dport"));
  const outward = failsafeOutbound.map((one) => failsafeRule(one, "destination", "th dport"));
  return [
    chain({ name: TRACKED.ingress, origin: INWARD, rules: inward }),
    chain({ name: TRACKED.egress, origin: OUTWARD, rules: outward }),
    chain({
      name: UNTRACKED.ingress,
      origin: INWARD,
      rules: [...inward, ...failsafeOutbound.map((one) => failsafeRule(one, "source", "th sport"))],
    }),
    chain({
      name: UNTRACKED.egress,
      origin: OUTWARD,
      rules: [...outward, ...failsafeInbound.map((one) => failsafeRule(one, "destination", "th sport"))],
    }),
  ];
}

/** `far`: the end at which the network is. */
function failsafeRule({ protocol, port, network }: Failsafe, far: Side, field: "th dport" | "th sport") {
  return rule(
    origin(port === undefined ? `failsafe protocol ${protocol}` : `failsafe port ${port}`, {
      kind: "FelixConfiguration",
      name: "default",
    }),
    ...(network === undefined ? [] : within(network.family, far, network)),
    equal(meta("l4proto"), number(protocol)),
    ...(port === undefined ? [] : [equal(payload(field), number(port))]),
    COUNTER,
    verdict(ACCEPT),
  );
}

function within(family: 4 | 6, far: Side, network: NonNullable<Failsafe["network"]>): readonly Expression[] {
  return [
    equal(meta("nfproto"), number(NFPROTO[family])),
    ...(network.length === 0 ? [] : [equal(addressField(family, far), prefixValue(network))]),
  ];
}

const INWARD = origin("ports that no policy of the host closes to others");
const OUTWARD = origin("ports of others that no policy closes to the host");
