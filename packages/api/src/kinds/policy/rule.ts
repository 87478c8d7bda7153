import {
  accept,
  choice,
  defaulted,
  dnsSubdomain,
  type Infer,
  integer,
  list,
  map,
  object,
  optional,
  refuse,
  required,
  ruleNetwork,
  scalar,
  text,
} from "../../schema/index.ts";
import { selector } from "../../selector/index.ts";
import { protocol } from "../protocol.ts";
import { rulePort } from "./port.ts";

const ipVersion = scalar<4 | 6>("4 or 6", (value) => (value === 4 || value === 6 ? accept(value) : refuse("choice")), {
  type: "integer",
  enum: [4, 6],
});

const icmp = object(
  { type: optional(integer(0, 254)), code: optional(integer(0, 255)) },
  { type: "The ICMP type: 8 is the echo request that ping sends.", code: "The ICMP code; needs a type." },
);

const serviceMatch = object(
  { name: required(dnsSubdomain()), namespace: optional(dnsSubdomain(), "") },
  {
    name: "The name of the Service.",
    namespace: "The namespace of the Service; the policy's unless told. A global policy must tell.",
  },
);

const serviceAccountMatch = object(
  { names: optional(list(text()), []), selector: optional(selector(), "") },
  { names: "Pods that run as one of these.", selector: "Pods whose service account has these labels." },
);

const entityRule = object(
  {
    nets: optional(list(ruleNetwork()), []),
    selector: optional(selector(), ""),
    namespaceSelector: optional(selector(), ""),
    services: optional(serviceMatch),
    ports: optional(list(rulePort()), []),
    notNets: optional(list(ruleNetwork()), []),
    notSelector: optional(selector(), ""),
    notPorts: optional(list(rulePort()), []),
    serviceAccounts: optional(serviceAccountMatch),
  },
  {
    nets: "Addresses in one of these networks.",
    selector: "Endpoints and network sets with these labels.",
    namespaceSelector:
      "Only those in namespaces with these labels; global() stands for what is in none. A namespaced policy's rule that " +
      "has a selector and not this one means its own namespace.",
    services: "The endpoints of this Kubernetes Service, at its ports.",
    ports: "One of these ports: numbers, ranges, names that the endpoints give.",
    notNets: "Addresses in none of these networks.",
    notSelector: "Anything but endpoints and network sets with these labels.",
    notPorts: "None of these ports.",
    serviceAccounts: "Pods that run as one of these service accounts.",
  },
);

const httpPath = object(
  { exact: optional(text(), ""), prefix: optional(text(), "") },
  { exact: "The whole path.", prefix: "What the path begins with." },
);

const http = object(
  { methods: optional(list(text(), { unique: true }), []), paths: optional(list(httpPath), []) },
  { methods: "One of these methods: GET, PUT.", paths: "One of these paths." },
);

/** What traffic a rule matches, and what becomes of it; what is not given matches everything. */
export const policyRule = object(
  {
    action: required(choice("Allow", "Deny", "Log", "Pass")),
    ipVersion: optional(ipVersion),
    protocol: optional(protocol()),
    icmp: optional(icmp),
    notProtocol: optional(protocol()),
    notICMP: optional(icmp),
    source: defaulted(entityRule, {}),
    destination: defaulted(entityRule, {}),
    http: optional(http),
    metadata: optional(
      object({ annotations: optional(map(text(), text())) }, { annotations: "Notes of people and programs." }),
    ),
  },
  {
    action: "Allow and Deny decide; Pass hands over to the next tier; Log writes a line and goes on to the next rule.",
    ipVersion: "Packets of this version of IP, 4 or 6.",
    protocol: "Packets of this protocol: TCP, UDP, SCTP, UDPLite, ICMP, ICMPv6 or a number. Needed to match ports.",
    icmp: "Packets of this ICMP type and code; needs protocol ICMP or ICMPv6.",
    notProtocol: "Packets of any protocol but this.",
    notICMP: "Packets of any ICMP type and code but this.",
    source: "Where the packet comes from.",
    destination: "Where the packet goes to.",
    http: "HTTP requests with this method and path; for rules that allow.",
    metadata: "What is noted about the rule; it changes nothing.",
  },
);

export type EntityRule = Infer<typeof entityRule>;
export type PolicyRule = Infer<typeof policyRule>;
