import { origin } from "@ocicat/kit";
import {
  type Chain,
  COUNTER,
  chain,
  ctState,
  DROP,
  equal,
  meta,
  number,
  payload,
  rule,
  verdict,
  verdictFrom,
} from "@ocicat/nftables";
import { Protocol } from "@ocicat/policy";
import { DISPATCHES } from "../dispatch.ts";
import type { CompileOptions } from "../options.ts";

export const FROM_WORKLOAD = "from-workload";
export const TO_WORKLOAD = "to-workload";

/** Behind the interface's own policies there is nothing but the drop: an interface without them gets nothing. */
export function workloadChains({ settings }: CompileOptions): readonly Chain[] {
  const invalid = settings.dropInvalid ? [rule(INVALID, ctState("invalid"), COUNTER, verdict(DROP))] : [];
  const udp = equal(meta("l4proto"), number(Protocol.udp));
  const vxlan = equal(payload("th dport"), number(settings.vxlanPort));
  const ipip = equal(meta("l4proto"), number(Protocol.ipip));
  return [
    chain({
      name: FROM_WORKLOAD,
      origin: origin("from a workload interface"),
      rules: [
        ...invalid,
        ...(settings.allowVxlanFromWorkloads ? [] : [rule(NO_TUNNELS, udp, vxlan, COUNTER, verdict(DROP))]),
        ...(settings.allowIpipFromWorkloads ? [] : [rule(NO_TUNNELS, ipip, COUNTER, verdict(DROP))]),
        rule(PER_ENDPOINT, verdictFrom(meta(DISPATCHES.from.by), DISPATCHES.from.map)),
        rule(NO_POLICY, COUNTER, verdict(DROP)),
      ],
    }),
    chain({
      name: TO_WORKLOAD,
      origin: origin("to a workload interface"),
      rules: [
        ...invalid,
        rule(PER_ENDPOINT, verdictFrom(meta(DISPATCHES.to.by), DISPATCHES.to.map)),
        rule(NO_POLICY, COUNTER, verdict(DROP)),
      ],
    }),
  ];
}

const INVALID = origin("belongs to no connection and begins none");
const NO_TUNNELS = origin("a workload's own tunnel would lead around policy");
const PER_ENDPOINT = origin("to the endpoint's own policies");
const NO_POLICY = origin("no policy yet for this interface");
