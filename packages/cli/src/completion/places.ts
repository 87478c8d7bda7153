import type { Argument, Option } from "commander";
import { EXPLAIN_FORMATS } from "../options/explain.ts";
import { FORMATS } from "../options/get.ts";
import { longName, type Typed } from "./typed.ts";

/** What can stand somewhere: words, or what has to be looked up. */
export type Wanted =
  | { readonly is: "words"; readonly words: readonly string[] }
  | { readonly is: "files" }
  | { readonly is: "kinds" }
  /** A kind, or a dotted path to one of its fields. */
  | { readonly is: "fields" }
  /** Resources of a kind, as people call it, that the datastore holds. */
  | { readonly is: "names"; readonly kind: string }
  | { readonly is: "namespaces" }
  /** Pods, by their names in a lab. */
  | { readonly is: "pods" }
  /** Nodes and pods. */
  | { readonly is: "machines" }
  /** Addresses of pods. */
  | { readonly is: "addresses" }
  /** What policies apply to, as they are called there: `default/web-1`; and nodes. */
  | { readonly is: "endpoints" }
  /** Staged policies, with their namespaces. */
  | { readonly is: "staged" };

const words = (...list: readonly string[]): Wanted => ({ is: "words", words: list });
const FILES: Wanted = { is: "files" };
const NODES: Wanted = { is: "names", kind: "nodes" };
const POOLS: Wanted = { is: "names", kind: "ippools" };
const MACHINES: Wanted = { is: "machines" };
const ADDRESSES: Wanted = { is: "addresses" };
const ENDPOINTS: Wanted = { is: "endpoints" };

/** By command and option, where the option's placeholder does not say it. */
const VALUES: Readonly<Record<string, Wanted>> = {
  "get --output": words(...FORMATS),
  "explain --output": words(...EXPLAIN_FORMATS),
  "datastore migrate export --to": words("etcd", "kubernetes"),
  "patch --type": words("strategic", "merge", "json"),
  "ipam show --ip": ADDRESSES,
  "ipam release --ip": ADDRESSES,
  "ipam split --name": POOLS,
  "node status --node": NODES,
  "routes why --node": NODES,
  "bgp peers --node": NODES,
  "bgp peer --node": NODES,
  "bgp routes --node": NODES,
  "bgp why --node": NODES,
  "bgp log --node": NODES,
  "doctor --node": NODES,
  "lab run --node": NODES,
  "flows --node": NODES,
  "flows --output": words("ps", "json", "yaml"),
  "why --output": words("ps", "json", "yaml"),
  "policy why --output": words("ps", "json", "yaml"),
  "policy show --output": words("ps", "json", "yaml"),
  "policy diff --output": words("ps", "json", "yaml"),
  "policy lint --output": words("ps", "json", "yaml"),
  "policy verify --output": words("ps", "json", "yaml"),
  "policy impact --output": words("ps", "json", "yaml"),
};

/** By what stands for the value in the option's flags: `--config <file>`. */
const PLACEHOLDERS: Readonly<Record<string, Wanted>> = {
  file: FILES,
  path: FILES,
  directory: FILES,
  // Of commands that show one thing of their own; others are named above.
  format: words("ps", "json"),
  namespace: { is: "namespaces" },
  mode: words("Never", "Always", "CrossSubnet"),
  protocol: words("tcp", "udp", "sctp", "icmp"),
};

/** By command and argument; `* name` in any command. */
const ARGUMENTS: Readonly<Record<string, Wanted>> = {
  "* kind": { is: "kinds" },
  "* file": FILES,
  "explain kind": { is: "fields" },
  "pool plan name": POOLS,
  "lab rm pod": { is: "pods" },
  "lab exec where": MACHINES,
  "lab capture where": MACHINES,
  "lab node rm node": NODES,
  "walk from": MACHINES,
  "walk to": MACHINES,
  "routes why target": ADDRESSES,
  "ipam why address": ADDRESSES,
  "why from": ENDPOINTS,
  "why to": ENDPOINTS,
  "policy why from": ENDPOINTS,
  "policy why to": ENDPOINTS,
  "policy show endpoint": ENDPOINTS,
  "policy verify node": NODES,
  "policy impact name": { is: "staged" },
};

/** What an option's value can be; undefined if that cannot be known. */
export function wantedValue({ path }: Typed, option: Option): Wanted | undefined {
  if (option.argChoices !== undefined) return words(...option.argChoices);
  const placeholder = /[<[]([^>\]]+)[>\]]/.exec(option.flags)?.[1] ?? "";
  if (placeholder.includes("|")) return words(...placeholder.split("|"));
  return VALUES[`${path} ${longName(option)}`] ?? PLACEHOLDERS[placeholder];
}

/** What an argument can be; undefined if that cannot be known. */
export function wantedArgument({ path, command, operands }: Typed, argument: Argument): Wanted | undefined {
  if (argument.argChoices !== undefined) return words(...argument.argChoices);
  const name = argument.name();
  const known = ARGUMENTS[`${path} ${name}`] ?? ARGUMENTS[`* ${name}`];
  if (known !== undefined) return known;
  // `get KIND NAME...`, and what else names resources.
  const [first] = command.registeredArguments;
  const isName = name === "name" || name === "names";
  return isName && first?.name() === "kind" ? { is: "names", kind: operands[0] ?? "" } : undefined;
}
