import type { SaidRules } from "../validations.ts";
import { has, some } from "../validations.ts";
import { bgpRules } from "./bgp.ts";
import { policyRules } from "./policy.ts";
import { poolRules } from "./pool.ts";

const protocols = "self.protocol == 'TCP' || self.protocol == 'UDP' || self.protocol == 'SCTP'";
const sameInLowerCase = "self.protocol == 'tcp' || self.protocol == 'udp' || self.protocol == 'sctp'";
const byNumber = "self.protocol == 6 || self.protocol == 17 || self.protocol == 132";

const SET: SaidRules = {
  "A set is not labelled projectcalico.org/namespace: the system does that.": {
    unsaid: "the API server shows a rule the name of a resource, and nothing else of its metadata",
  },
};

/** Every rule of every kind: how the API server is told of it, or why not. */
export const rulesByKind: Readonly<Record<string, SaidRules>> = {
  ...policyRules,
  ...bgpRules,
  GlobalNetworkSet: SET,
  IPPool: poolRules,
  NetworkSet: SET,
  Tier: {
    "The order and defaultAction of default, kube-admin and kube-baseline are fixed.": {
      at: [""],
      cel: [
        ["default", "1000000", "Deny"],
        ["kube-admin", "1000", "Pass"],
        ["kube-baseline", "10000000", "Pass"],
      ]
        .map(
          ([name, order, action]) =>
            `(self.metadata.name != '${name}' || (has(self.spec) && self.spec.order == double(${order}) && self.spec.defaultAction == '${action}'))`,
        )
        .join(" && "),
    },
  },
  HostEndpoint: {
    "An interface or an address says which it is.": {
      at: ["spec"],
      cel: `has(self.interfaceName) || (${some("self.expectedIPs")})`,
    },
    "Named ports are of TCP, UDP or SCTP.": {
      at: ["spec.ports[]"],
      cel: `${protocols} || ${sameInLowerCase} || ${byNumber}`,
    },
  },
  FelixConfiguration: {
    'A name other than "default" and "node.<name>" needs a nodeSelector.': {
      at: [""],
      cel: `self.metadata.name == 'default' || self.metadata.name.startsWith('node.') || (${has("self.spec.nodeSelector")})`,
    },
    "A range of routing tables ends at or after its beginning.": {
      at: ["spec.routeTableRange", "spec.routeTableRanges[]"],
      cel: "self.min <= self.max",
    },
  },
  IPAMConfiguration: {
    "maxBlocksPerHost, or autoAllocateBlocks that is false, needs strictAffinity.": {
      at: ["spec"],
      cel: "(has(self.strictAffinity) && self.strictAffinity) || ((!has(self.autoAllocateBlocks) || self.autoAllocateBlocks) && (!has(self.maxBlocksPerHost) || self.maxBlocksPerHost == 0))",
    },
  },
  KubeControllersConfiguration: {
    "A template of host endpoints has interfaceCIDRs, an interfacePattern, or both.": {
      at: ["spec.controllers.node.hostEndpoint.templates[]"],
      cel: "has(self.interfaceCIDRs) || has(self.interfacePattern)",
    },
  },
  CalicoNodeStatus: { "classes is not empty.": { at: ["spec.classes"], schema: { minItems: 1 } } },
};
