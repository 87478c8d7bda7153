import { origin } from "@ocicat/kit";
import { type Chain, rule } from "@ocicat/nftables";
import type { DispatchName } from "../dispatch.ts";
import { ACCEPTED, clearBit } from "../marks.ts";
import type { CompileOptions } from "../options.ts";
import {
  ANSWERED,
  dispatch,
  ESTABLISHED,
  type HostDispatches,
  hook,
  neighbours,
  noHosts,
  notLoopback,
} from "./rules.ts";

/**
 * Where host endpoints are asked, apart from what is for the host itself: as far as one of the node needs it. In what is forwarded,
 * and before destinations are translated, the one of all interfaces has workloads' interfaces too.
 */
export function hostChains(hosts: HostDispatches, options: CompileOptions): readonly Chain[] {
  const answered = hosts.has("untrackedIn") || hosts.has("preDnat") ? [ANSWERED] : [];
  const chains: Readonly<Partial<Record<DispatchName, () => Chain>>> = {
    untrackedIn: () =>
      hook("untracked-in", "prerouting", RAW, "before connections are tracked", [
        CLEARED,
        ...noHosts("iifname", options),
        ...dispatch("untrackedIn", hosts),
      ]),
    untrackedOut: () =>
      hook("untracked-out", "output", RAW, "before connections are tracked", [
        CLEARED,
        ...noHosts("oifname", options),
        ...dispatch("untrackedOut", hosts),
      ]),
    preDnat: () =>
      hook("pre-dnat", "prerouting", MANGLE, "before destinations are translated", [
        ESTABLISHED,
        notLoopback("iifname"),
        ...neighbours(options),
        ...(hosts.has("untrackedIn") ? [ANSWERED] : [CLEARED]),
        ...dispatch("preDnat", hosts),
      ]),
    forwardIn: () =>
      hook("forward-in", "forward", -1, "what comes by a host endpoint to be forwarded", [
        ESTABLISHED,
        notLoopback("iifname"),
        ...answered,
        ...dispatch("forwardIn", hosts),
      ]),
    forwardOut: () =>
      hook("forward-out", "forward", 2, "what is forwarded and leaves by a host endpoint", [
        ESTABLISHED,
        notLoopback("oifname"),
        ...dispatch("forwardOut", hosts),
      ]),
    hostOut: () =>
      hook("output", "output", 0, "what this host sends", [
        ESTABLISHED,
        ...noHosts("oifname", options),
        ...(hosts.has("untrackedOut") ? [ANSWERED] : []),
        ...dispatch("hostOut", hosts),
      ]),
  };
  return [...hosts.keys()].flatMap((name) => chains[name]?.() ?? []);
}

/** NF_IP_PRI_RAW, NF_IP_PRI_MANGLE. */
const RAW = -300;
const MANGLE = -150;

const CLEARED = rule(origin("nobody has answered for it yet"), clearBit(ACCEPTED));
