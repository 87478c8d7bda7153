import type { SaidRules } from "../validations.ts";

const OTHERS = "it looks at other resources, and the API server shows a rule one";

const isSix = "self.cidr.contains(':')";
const isTrue = (field: string) => `(has(self.${field}) && self.${field})`;

/** The blocks' prefix length, which is filled in by the pool's family where it is not given. */
const blockSize = (of: string) => `(has(${of}.blockSize) ? ${of}.blockSize : (${of}.cidr.contains(':') ? 122 : 26))`;

const isForLoadBalancers = (of: string) => `(has(${of}.allowedUses) && 'LoadBalancer' in ${of}.allowedUses)`;

const overlaps = (range: string) =>
  `(cidr('${range}').containsCIDR(self.cidr) || cidr(self.cidr).containsCIDR('${range}'))`;

const mode = (name: string) => `(has(self.${name}) && self.${name} != 'Never')`;

export const poolRules: SaidRules = {
  "blockSize is 20 to 32 for IPv4 and 116 to 128 for IPv6, and the pool holds at least one block.": {
    at: ["spec"],
    cel: `!isCIDR(self.cidr) || ((${isSix} ? ${blockSize("self")} >= 116 && ${blockSize("self")} <= 128 : ${blockSize("self")} >= 20 && ${blockSize("self")} <= 32) && (${isTrue("disabled")} || cidr(self.cidr).prefixLength() <= ${blockSize("self")}))`,
  },
  "cidr is not in a link-local range (169.254.0.0/16, fe80::/10).": {
    at: ["spec"],
    cel: `!isCIDR(self.cidr) || !(${overlaps("169.254.0.0/16")} || ${overlaps("fe80::/10")})`,
  },
  "A pool has one encapsulation at most, and IPIP for IPv4 only.": {
    at: ["spec"],
    cel: `!${mode("ipipMode")} || (!${mode("vxlanMode")} && !${isSix})`,
  },
  "allowedUses is not empty. LoadBalancer stands alone, and cannot be added or taken away later.": [
    {
      at: ["spec"],
      cel: `!has(self.allowedUses) || (self.allowedUses.size() > 0 && (!${isForLoadBalancers("self")} || self.allowedUses.size() == 1))`,
    },
    { at: ["spec"], cel: `${isForLoadBalancers("self")} == ${isForLoadBalancers("oldSelf")}` },
  ],
  "A pool for load balancers is every node's, is announced, and has no encapsulation.": {
    at: ["spec"],
    cel: `!${isForLoadBalancers("self")} || ((!has(self.nodeSelector) || self.nodeSelector == 'all()') && !${isTrue("disableBGPExport")} && !${mode("ipipMode")} && !${mode("vxlanMode")})`,
  },
  "cidr and blockSize cannot be changed.": {
    at: ["spec"],
    cel: `self.cidr == oldSelf.cidr && ${blockSize("self")} == ${blockSize("oldSelf")}`,
  },
  "A new pool overlaps no other.": { unsaid: OTHERS },
  "A new pool over blocks that an earlier one left has their blockSize.": { unsaid: OTHERS },
};
