import type { WorkloadEndpointSpec } from "@ocicat/api";
import { type JsonObject, listIn, objectIn, textIn } from "../json.ts";

type EndpointPort = NonNullable<WorkloadEndpointSpec["ports"]>[number];

const PROTOCOLS: ReadonlyMap<unknown, string> = new Map([
  [undefined, "TCP"],
  ["TCP", "TCP"],
  ["UDP", "UDP"],
  ["SCTP", "SCTP"],
]);

/** The ports of all containers that have a name, for policies, or lead from one of the node's, for the plugin. */
export function podPorts(spec: JsonObject): readonly EndpointPort[] {
  const containers = [...listIn(spec.containers), ...listIn(spec.initContainers)];
  return containers.flatMap((container) => listIn(objectIn(container).ports).flatMap(readPort));
}

function readPort(value: unknown): readonly EndpointPort[] {
  const port = objectIn(value);
  const name = textIn(port.name) ?? "";
  const hostPort = portNumber(port.hostPort) ?? 0;
  const number = portNumber(port.containerPort);
  const protocol = PROTOCOLS.get(textIn(port.protocol));
  if (number === undefined || protocol === undefined || (name === "" && hostPort === 0)) return [];
  return [{ name, protocol, port: number, hostPort, hostIP: textIn(port.hostIP) ?? "" }];
}

function portNumber(value: unknown): number | undefined {
  return typeof value === "number" && Number.isInteger(value) && value > 0 && value < 65_536 ? value : undefined;
}
