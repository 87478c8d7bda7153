import type { BGPFilter } from "@ocicat/api";
import { type FilterRule, type FilterRules, type Operation, parseCommunity } from "@ocicat/bgp";
import { OcicatError, stringifyJson } from "@ocicat/kit";
import { parsePrefix } from "@ocicat/net";

/** The rules of a BGPFilter, by the direction and family that they are for. */
export interface BgpFilterRow {
  readonly name: string;
  readonly importV4: FilterRules;
  readonly importV6: FilterRules;
  readonly exportV4: FilterRules;
  readonly exportV6: FilterRules;
  /** Equal for filters that decide alike. */
  readonly key: string;
}

type StoredRule = NonNullable<BGPFilter["spec"]["importV4"]>[number];

export function bgpFilterRow({ metadata: { name }, spec }: BGPFilter): BgpFilterRow {
  const rules = (field: "importV4" | "importV6" | "exportV4" | "exportV6"): FilterRules => ({
    name: `BGPFilter ${name} ${field}`,
    rules: (spec[field] ?? []).map(readRule),
  });
  return {
    name,
    importV4: rules("importV4"),
    importV6: rules("importV6"),
    exportV4: rules("exportV4"),
    exportV6: rules("exportV6"),
    key: stringifyJson(spec),
  };
}

function readRule(rule: StoredRule): FilterRule {
  const { cidr, matchOperator, prefixLength } = rule;
  const community = rule.communities?.values[0];
  return {
    destination:
      cidr === undefined || matchOperator === undefined
        ? undefined
        : {
            network: parsePrefix(cidr, { hostBits: "clear" }),
            operator: matchOperator,
            minLength: prefixLength?.min,
            maxLength: prefixLength?.max,
          },
    learned: rule.source === "RemotePeers" ? true : undefined,
    interface: rule.interface,
    peer: rule.peerType === undefined ? undefined : PEERS[rule.peerType],
    community: community === undefined ? undefined : readCommunity(community),
    asPathPrefix: rule.asPathPrefix,
    priority: rule.priority,
    action: rule.action === "Accept" ? "accept" : "reject",
    operations: rule.operations?.map(readOperation),
  };
}

const PEERS = { eBGP: "external", iBGP: "internal" } as const;

function readOperation(operation: NonNullable<StoredRule["operations"]>[number]): Operation {
  const { addCommunity, prependASPath, setPriority } = operation;
  if (addCommunity !== undefined) return { addCommunity: readCommunity(addCommunity.value) };
  if (prependASPath !== undefined) return { prependAsPath: prependASPath.prefix };
  if (setPriority !== undefined) return { setPriority: setPriority.value };
  throw new OcicatError({ code: "BGP_FILTER", what: "an operation says nothing", fix: "say one thing in each" });
}

/** Throws OcicatError: a rule that asks for a community that cannot be read would ask for less. */
function readCommunity(text: string) {
  const community = parseCommunity(text);
  if (community !== undefined) return community;
  throw new OcicatError({ code: "BGP_FILTER", what: `"${text}" is no community`, fix: "write aa:nn or aa:nn:mm" });
}
