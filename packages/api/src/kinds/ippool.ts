import { defineKind } from "../define-kind.ts";
import type { Resource } from "../resource.ts";
import {
  choice,
  computed,
  defaulted,
  flag,
  type Given,
  type Infer,
  implied,
  integer,
  list,
  network,
  object,
  optional,
  required,
  text,
} from "../schema/index.ts";

const encapsulation = choice("Never", "Always", "CrossSubnet");

const spec = object({
  cidr: required(network()),
  vxlanMode: defaulted(encapsulation, "Never"),
  ipipMode: defaulted(encapsulation, "Never"),
  natOutgoing: implied(flag(), false),
  disabled: implied(flag(), false),
  disableBGPExport: implied(flag(), false),
  blockSize: computed(integer(0, 128), (given) => (isIpv6(given) ? 122 : 26)),
  nodeSelector: defaulted(text("a selector"), "all()"),
  namespaceSelector: optional(text("a selector"), ""),
  allowedUses: defaulted(list(choice("Workload", "Tunnel", "LoadBalancer"), { unique: true }), ["Workload", "Tunnel"]),
  assignmentMode: defaulted(choice("Automatic", "Manual"), "Automatic"),
});

const isIpv6 = (given: Given) => typeof given.cidr === "string" && given.cidr.includes(":");

export interface IPPoolSpec extends Infer<typeof spec> {}
export type IPPool = Resource<IPPoolSpec, unknown, "IPPool">;

export const ippool = defineKind<IPPool>({
  kind: "IPPool",
  plural: "ippools",
  aliases: ["ipp", "pool"],
  namespaced: false,
  spec,
  rules: [],
  columns: [],
});
