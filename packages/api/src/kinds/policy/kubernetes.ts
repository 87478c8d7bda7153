import {
  type Checked,
  choice,
  type Infer,
  list,
  map,
  object,
  optional,
  port,
  required,
  ruleNetwork,
  type ScalarSchema,
  scalar,
  text,
} from "../../schema/index.ts";
import { checkPortName } from "./port.ts";

const requirement = object(
  {
    key: required(text()),
    operator: required(choice("In", "NotIn", "Exists", "DoesNotExist")),
    values: optional(list(text()), []),
  },
  {
    key: "The label.",
    operator: "In or NotIn one of the values; Exists or DoesNotExist, whatever its value.",
    values: "For In and NotIn.",
  },
);

/** Kubernetes' LabelSelector: everything that it says has to hold, and an empty one selects all. */
export const labelSelector = object(
  { matchLabels: optional(map(text(), text())), matchExpressions: optional(list(requirement), []) },
  { matchLabels: "Labels with exactly these values.", matchExpressions: "Further conditions." },
);

const ipBlock = object(
  { cidr: required(ruleNetwork()), except: optional(list(ruleNetwork()), []) },
  { cidr: "A network.", except: "Networks inside it that are not meant." },
);

const peer = object(
  {
    podSelector: optional(labelSelector),
    namespaceSelector: optional(labelSelector),
    ipBlock: optional(ipBlock),
  },
  {
    podSelector: "Pods with these labels; of the policy's namespace unless namespaceSelector is given.",
    namespaceSelector: "Pods in namespaces with these labels.",
    ipBlock: "Addresses of a network.",
  },
);

/** By number, or by the name that the pods give to one of theirs. */
function podPort(): ScalarSchema<number | string> {
  const check = (value: unknown): Checked<number | string> =>
    typeof value === "string" ? checkPortName(value) : port().check(value);
  return scalar("a port from 1 to 65535, or a port's name", check, { type: ["integer", "string"] });
}

const policyPort = object(
  {
    protocol: optional(choice("TCP", "UDP", "SCTP")),
    port: optional(podPort()),
    endPort: optional(port()),
  },
  {
    protocol: "TCP unless told.",
    port: "A port by number or name; all of the protocol unless told.",
    endPort: "The last port of a range that begins with port.",
  },
);

const ports = optional(list(policyPort), []);
const peers = optional(list(peer), []);
const PORTS = "One of these ports; any unless told.";

export const ingressRule = object({ ports, from: peers }, { ports: PORTS, from: "Where from; anywhere unless told." });
export const egressRule = object({ ports, to: peers }, { ports: PORTS, to: "Where to; anywhere unless told." });

export type LabelSelector = Infer<typeof labelSelector>;
export type Peer = Infer<typeof peer>;
export type PolicyPort = Infer<typeof policyPort>;

/** As kubectl prints one: `app=web,tier in (a,b),!old`. */
export function formatLabelSelector({ matchLabels = {}, matchExpressions = [] }: LabelSelector): string {
  const labels = Object.entries(matchLabels).map(([key, value]) => `${key}=${value}`);
  const more = matchExpressions.map(({ key, operator, values = [] }) => FORMATS[operator](key, values));
  return [...labels, ...more].sort().join(",") || "<none>";
}

const FORMATS: Readonly<
  Record<Infer<typeof requirement>["operator"], (key: string, values: readonly string[]) => string>
> = {
  In: (key, values) => `${key} in (${values.join(",")})`,
  NotIn: (key, values) => `${key} notin (${values.join(",")})`,
  Exists: (key) => key,
  DoesNotExist: (key) => `!${key}`,
};
