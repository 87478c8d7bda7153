import { OcicatError } from "@ocicat/kit";
import { type Address, formatAddress, isAddress, parseAddress } from "@ocicat/net";
import type { PolicyModel, Workload } from "@ocicat/policy";
import { DEFAULT_NAMESPACE } from "../options/shared.ts";

/** Who sends a packet, or gets it. */
export interface PacketEnd {
  /** For people: `default/web-1`, `node1`, `192.0.2.7`. */
  readonly name: string;
  /** Where it is; undefined: in no place that the model knows. */
  readonly node: string | undefined;
  readonly workload: Workload | undefined;
  /** One of them is meant, by the other end's family. */
  readonly addresses: readonly Address[];
}

/**
 * What a person calls an end: an address, a pod (`web-1`, `default/web-1`), a workload endpoint's name, a node or a host
 * endpoint. Throws OcicatError POLICY_NO_SUCH_END.
 */
export function endNamed(model: PolicyModel, text: string): PacketEnd {
  if (isAddress(text)) return endAt(model, parseAddress(text));
  const workloads = workloadsOf(model).filter(
    ({ workload, id }) => workload === text || id === text || workload.endsWith(`/${text}`) || id.endsWith(`/${text}`),
  );
  // A whole name goes before a part of one; without a namespace `default` is meant, if it has one of the name.
  const whole = [text, `${DEFAULT_NAMESPACE}/${text}`];
  const exact = workloads.filter(({ workload, id }) => whole.includes(workload) || whole.includes(id));
  const [found, ...others] = exact.length > 0 ? exact : workloads;
  if (found !== undefined && others.length === 0) return endOf(found);
  if (found !== undefined) throw severalOf(text, [found, ...others]);
  const node = nodeNamed(model, text) ?? hostNamed(model, text);
  if (node !== undefined) return node;
  throw new OcicatError({
    code: "POLICY_NO_SUCH_END",
    what: `there is no pod, workload endpoint, node or host endpoint "${text}"`,
    fix: `use ${someOf(model).join(", ") || "an address"}, or an address`,
  });
}

/** Who has an address. */
export function endAt(model: PolicyModel, address: Address): PacketEnd {
  const workload = workloadsOf(model).find(({ addresses }) => addresses.includes(address));
  if (workload !== undefined) return { ...endOf(workload), addresses: [address] };
  const node = (model.nodes ?? []).find(({ addresses }) => addresses.includes(address))?.node;
  return { name: node ?? formatAddress(address), node, workload: undefined, addresses: [address] };
}

function workloadsOf({ endpoints }: PolicyModel): readonly Workload[] {
  return endpoints.filter((endpoint): endpoint is Workload => endpoint.kind === "workload");
}

function endOf(workload: Workload): PacketEnd {
  return { name: workload.workload, node: workload.node, workload, addresses: workload.addresses };
}

/** Its own addresses; those of its tunnels are for addresses that are given as such. */
function nodeNamed({ nodes = [] }: PolicyModel, name: string): PacketEnd | undefined {
  const own = nodes.filter(({ node }) => node === name);
  if (own.length === 0) return undefined;
  return { name, node: name, workload: undefined, addresses: own.flatMap(({ addresses }) => addresses) };
}

function hostNamed({ endpoints, nodes = [] }: PolicyModel, name: string): PacketEnd | undefined {
  const host = endpoints.find(({ kind, id }) => kind === "host" && id === name);
  if (host === undefined) return undefined;
  const own = nodes.filter(({ node }) => node === host.node).flatMap(({ addresses }) => addresses);
  return { name, node: host.node, workload: undefined, addresses: [...host.addresses, ...own] };
}

function severalOf(text: string, found: readonly Workload[]): OcicatError {
  return new OcicatError({
    code: "POLICY_NO_SUCH_END",
    what: `there is more than one "${text}"`,
    fix: `use one of ${found.map(({ workload, id }) => (workload.endsWith(`/${text}`) ? workload : id)).join(", ")}`,
  });
}

/** Enough to see how names are written. */
const SHOWN = 8;

function someOf(model: PolicyModel): readonly string[] {
  const names = [...workloadsOf(model).map(({ workload }) => workload), ...(model.nodes ?? []).map(({ node }) => node)];
  const unique = [...new Set(names)];
  return unique.length <= SHOWN ? unique : [...unique.slice(0, SHOWN), `… (${unique.length - SHOWN} more)`];
}
