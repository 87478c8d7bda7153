import { compareAddresses } from "@ocicat/net";
import type { Chain, NamedSet, Table, Value } from "@ocicat/nftables";
import type { Endpoint, Host, HostInterface, PolicyModel, Workload } from "@ocicat/policy";
import type { Place } from "../traffic.ts";

export interface NodeOptions {
  readonly node: string;
  /** What workloads' interfaces begin with: one of these, none of them empty. */
  readonly interfacePrefixes: readonly string[];
}

/**
 * Every interface that can make a difference: those the model knows on this node, those that the kernel's tables name, one of
 * a workload that nobody knows, and one of the host that nobody names.
 */
export function placesOf(model: PolicyModel, tables: readonly Table[], options: NodeOptions): Place[] {
  const local = model.endpoints.filter(({ node }) => node === options.node).sort((a, b) => (a.id < b.id ? -1 : 1));
  const interfaces = (model.nodes ?? []).filter(({ node }) => node === options.node);
  const named = [
    ...local.map(({ interfaceName }) => interfaceName),
    ...interfaces.flatMap(({ name }) => name ?? []),
    ...tables.flatMap(namesIn),
  ].filter((name) => name !== "" && name !== "*");
  const names = new Set(named);
  for (const prefix of [...options.interfacePrefixes, "other"]) names.add(unusedName(prefix, names));
  names.add(LOOPBACK);
  return Array.from(names, (name) => placeOf(name, local, interfaces, options));
}

const LOOPBACK = "lo";

/** Where several claim an interface: the one whose name is first. */
function placeOf(
  name: string,
  local: readonly Endpoint[],
  interfaces: readonly HostInterface[],
  { interfacePrefixes }: NodeOptions,
): Place {
  const workload = local.find(
    (endpoint): endpoint is Workload => endpoint.kind === "workload" && endpoint.interfaceName === name,
  );
  const hosts = local.filter((endpoint): endpoint is Host => endpoint.kind === "host");
  const everywhere = hosts.find(({ interfaceName }) => interfaceName === "*");
  if (workload !== undefined || interfacePrefixes.some((prefix) => name.startsWith(prefix))) {
    return { kind: "workload", name, endpoint: workload, everywhere };
  }
  // What a host says to itself no host endpoint judges, not even one of all interfaces.
  if (name === LOOPBACK) return { kind: "host", name, endpoint: undefined };
  const addresses = interfaces.filter((one) => one.name === name).flatMap((one) => one.addresses);
  const own = hosts.find(({ interfaceName, addresses: claimed }) =>
    interfaceName === ""
      ? claimed.some((one) => addresses.some((other) => compareAddresses(one, other) === 0))
      : interfaceName === name,
  );
  return { kind: "host", name, endpoint: own ?? everywhere };
}

function namesIn(table: Table): string[] {
  return [...table.sets.flatMap(namesInSet), ...table.chains.flatMap(namesInChain)];
}

function namesInSet({ elements }: NamedSet): string[] {
  return elements.flatMap(({ key }) => key.flatMap(nameIn));
}

function namesInChain({ rules }: Chain): string[] {
  return rules.flatMap(({ body }) =>
    body.flatMap((expression) => (expression.kind === "compare" ? nameIn(expression.right) : [])),
  );
}

function nameIn(value: Value): string[] {
  if (value.kind === "interface") return [value.name];
  return value.kind === "interfacePrefix" ? [value.prefix] : [];
}

/** IFNAMSIZ is 16, with the NUL. */
function unusedName(prefix: string, names: ReadonlySet<string>): string {
  for (let number = 0; ; number++) {
    const name = `${prefix.slice(0, 11)}${String(number).padStart(4, "0")}`;
    if (!names.has(name)) return name;
  }
}
