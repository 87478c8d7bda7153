import { defineKind } from "../define-kind.ts";
import { HOSTS_PREFIX, parseIpamKey } from "../ipam/keys.ts";
import { API_VERSION, type Resource } from "../resource.ts";
import { choice, defaulted, flag, type Infer, implied, network, object, required, text } from "../schema/index.ts";
import type { Storage } from "../storage.ts";

const spec = object(
  {
    // Without one, it is from before claims had two phases: confirmed.
    state: defaulted(choice("confirmed", "pending", "pendingDeletion"), "confirmed"),
    node: required(text()),
    type: defaulted(choice("host", "virtual"), "host"),
    cidr: required(network()),
    deleted: implied(flag(), false),
  },
  {
    state: "How far the claim is: pending until the block is there, pendingDeletion until it is gone.",
    node: "The node, or other owner, that gives out the block's addresses.",
    type: "Whether the owner is a node (host) or something else (virtual), as a load balancer's controller.",
    cidr: "The block.",
    deleted: "Marks a claim that is being taken away.",
  },
);

export interface BlockAffinityResourceSpec extends Infer<typeof spec> {}
/** Which block belongs to which node; a view of what IPAM keeps, for looking at. */
export type BlockAffinityResource = Resource<BlockAffinityResourceSpec, unknown, "BlockAffinity">;

/** A block's key does not follow from this name: both the node's and the block's have dashes. */
function nameOf(node: string, cidr: string): string {
  return `${node}-${cidr.replaceAll(/[.:/]/g, "-")}`;
}

const storage: Storage = {
  prefix: () => HOSTS_PREFIX,
  key: () => undefined,
  parse(key) {
    const parsed = parseIpamKey(key);
    if (parsed?.kind !== "affinity" || !key.startsWith(HOSTS_PREFIX)) return undefined;
    return { name: nameOf(parsed.owner.name, parsed.prefix.toString()), namespace: undefined };
  },
  fromStored(stored, { name }, key) {
    const parsed = parseIpamKey(key);
    const place = parsed?.kind === "affinity" ? { node: parsed.owner.name, cidr: parsed.prefix.toString() } : {};
    return {
      kind: "BlockAffinity",
      apiVersion: API_VERSION,
      metadata: { name },
      spec: { ...stored, ...place },
    };
  },
};

export const blockAffinity = defineKind<BlockAffinityResource>({
  kind: "BlockAffinity",
  description: "Which block of addresses belongs to which node: a view of what IPAM keeps, for looking at.",
  plural: "blockaffinities",
  aliases: ["blockaffinity", "affinity", "affinities"],
  namespaced: false,
  readOnly: "IPAM keeps it; release a node's blocks with ipam",
  spec,
  storage,
  columns: [
    { heading: "NAME", cell: ({ metadata }) => metadata.name },
    { heading: "NODE", cell: ({ spec }) => spec.node },
    { heading: "CIDR", cell: ({ spec }) => spec.cidr },
    { heading: "STATE", cell: ({ spec }) => spec.state },
  ],
});
