import { type Address, parseAddress } from "@ocicat/net";
import { type JsonObject, listIn, objectIn, textIn, textsIn } from "./json.ts";
import { headOf } from "./metadata.ts";

/** What a Service says of where it can be reached. */
export interface ServiceFacts {
  readonly namespace: string;
  readonly name: string;
  /** None: it has no address of its own (headless), or is a name for something outside. */
  readonly clusterIps: readonly Address[];
  readonly externalIps: readonly Address[];
  readonly loadBalancerIps: readonly Address[];
  /** Packets from outside the cluster go to endpoints of the node that they reach, and of no other. */
  readonly isLocal: boolean;
}

/** Some of a service's endpoints, all of one family. */
export interface SliceFacts {
  readonly namespace: string;
  /** Whose endpoints they are; undefined: nobody's that Kubernetes knows. */
  readonly service: string | undefined;
  readonly endpoints: readonly SliceEndpoint[];
  /** Those that have a number. */
  readonly ports: readonly SlicePort[];
}

export interface SliceEndpoint {
  readonly addresses: readonly Address[];
  /** Where it runs, as far as that is known. */
  readonly node: string | undefined;
  readonly isReady: boolean;
}

export interface SlicePort {
  /** IANA, Assigned Internet Protocol Numbers. */
  readonly protocol: number;
  readonly port: number;
}

const SERVICE_NAME = "kubernetes.io/service-name";
const PROTOCOLS: ReadonlyMap<unknown, number> = new Map([
  [undefined, 6],
  ["TCP", 6],
  ["UDP", 17],
  ["SCTP", 132],
]);

/** A Service (v1). What in it is no address is left out. */
export function readService(document: unknown): ServiceFacts {
  const object = objectIn(document);
  const { namespace, name } = headOf(object);
  const spec = objectIn(object.spec);
  const balancer = objectIn(objectIn(object.status).loadBalancer);
  const single = textIn(spec.clusterIP);
  const clusterIps =
    listIn(spec.clusterIPs).length > 0 ? textsIn(spec.clusterIPs) : single === undefined ? [] : [single];
  return {
    namespace,
    name,
    clusterIps: spec.type === "ExternalName" ? [] : clusterIps.flatMap(addressIn),
    externalIps: textsIn(spec.externalIPs).flatMap(addressIn),
    loadBalancerIps: listIn(balancer.ingress).flatMap((each) => addressIn(objectIn(each).ip)),
    isLocal: spec.externalTrafficPolicy === "Local",
  };
}

/** An EndpointSlice (discovery.k8s.io/v1). An endpoint of which nothing is said is ready. */
export function readSlice(document: unknown): SliceFacts {
  const object = objectIn(document);
  const { namespace, labels } = headOf(object);
  return {
    namespace,
    service: textIn(labels[SERVICE_NAME]),
    endpoints: listIn(object.endpoints).map((each) => readEndpoint(objectIn(each))),
    ports: listIn(object.ports).flatMap(readPort),
  };
}

function readEndpoint(endpoint: JsonObject): SliceEndpoint {
  return {
    addresses: textsIn(endpoint.addresses).flatMap(addressIn),
    node: textIn(endpoint.nodeName),
    isReady: objectIn(endpoint.conditions).ready !== false,
  };
}

function readPort(value: unknown): readonly SlicePort[] {
  const { port, protocol } = objectIn(value);
  const number = PROTOCOLS.get(textIn(protocol));
  return typeof port === "number" && number !== undefined ? [{ protocol: number, port }] : [];
}

/** A host's name, or "None", is none. */
function addressIn(value: unknown): readonly Address[] {
  try {
    return typeof value === "string" ? [parseAddress(value)] : [];
  } catch {
    return [];
  }
}
