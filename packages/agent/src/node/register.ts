import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import {
  type AnyResource,
  API_VERSION,
  type ClusterInformation,
  clusterInformation,
  type Node,
  node,
  tier,
} from "@ocicat/api";
import { type ResourceClient, ResourceError } from "@ocicat/client";
import { OcicatError } from "@ocicat/kit";
import { formatAddress } from "@ocicat/net";
import type { OwnAddress } from "@ocicat/routing";
import type { NodeInterface } from "./detection.ts";

/** Compatible with what this version of Calico stores. */
const CALICO_VERSION = "v3.32.1";

/** What variables say of a node's resource; undefined is left as it stands there. */
export interface NodeExtras {
  /** AS. */
  readonly asNumber: number | undefined;
  /** CALICO_K8S_NODE_REF: what Kubernetes calls the node, where Calico's nodes have names of their own. */
  readonly kubernetesNode: string | undefined;
}

const NO_EXTRAS: NodeExtras = { asNumber: undefined, kubernetesNode: undefined };

/** Throws OcicatError AGENT_CONFIG. */
export function nodeExtrasFrom(env: Readonly<Record<string, string | undefined>>): NodeExtras {
  const [text, kubernetesNode] = [env["AS"] ?? "", env.CALICO_K8S_NODE_REF || undefined];
  if (text === "") return { ...NO_EXTRAS, kubernetesNode };
  const reading = node.read(
    { kind: "Node", apiVersion: API_VERSION, metadata: { name: "any" }, spec: { bgp: { asNumber: text } } },
    "strict",
  );
  if (reading.ok) return { asNumber: reading.value.spec.bgp?.asNumber, kubernetesNode };
  throw new OcicatError({
    code: "AGENT_CONFIG",
    where: "environment variable AS",
    what: `"${text}" ${reading.problems[0]?.message ?? "is refused"}`,
    fix: "use a number from 1 to 4294967295, or high.low",
  });
}

/** What a host says of itself. */
interface Own {
  readonly ipv4: OwnAddress | undefined;
  readonly ipv6: OwnAddress | undefined;
  readonly interfaces: readonly NodeInterface[];
}

/**
 * Makes the node's resource, or brings its addresses and what else is given up to date, and nothing else of what stands
 * there. `present` is the resource as it was read. Resolves to it as it is then.
 */
export async function registerNode(
  client: ResourceClient,
  name: string,
  present: Node | undefined,
  own: Own,
  { asNumber, kubernetesNode }: NodeExtras = NO_EXTRAS,
): Promise<Node> {
  const wanted = {
    ...(own.ipv4 === undefined ? {} : { ipv4Address: formatOwn(own.ipv4) }),
    ...(own.ipv6 === undefined ? {} : { ipv6Address: formatOwn(own.ipv6) }),
    ...(asNumber === undefined ? {} : { asNumber }),
  };
  const bgp = { ...present?.spec.bgp, ...wanted };
  const before = present?.spec.bgp ?? {};
  const isSame = (["ipv4Address", "ipv6Address", "asNumber"] as const).every((name) => bgp[name] === before[name]);
  const orchRefs = withReference(present?.spec.orchRefs, kubernetesNode);
  const { interfaces } = own;
  const isTold = hasInterfaces(present?.spec.interfaces, interfaces);
  if (present !== undefined && isSame && isTold && orchRefs === present.spec.orchRefs) return present;
  const { resource } = await client.apply<Node>({
    kind: "Node",
    apiVersion: API_VERSION,
    metadata: present?.metadata ?? { name },
    spec: {
      ...present?.spec,
      bgp,
      interfaces: interfaces.map(({ name, addresses }) => ({ name, addresses: [...addresses] })),
      ...(orchRefs === undefined ? {} : { orchRefs }),
    },
    ...(present?.status === undefined ? {} : { status: present.status }),
  });
  return resource;
}

/** Whether the resource names these interfaces, with these addresses. */
export function hasInterfaces(told: Node["spec"]["interfaces"], own: readonly NodeInterface[]): boolean {
  const textOf = (all: Node["spec"]["interfaces"]) =>
    (all ?? []).map(({ name, addresses = [] }) => `${name} ${addresses.join()}`).join("\n");
  return textOf(told) === textOf(own);
}

type References = Node["spec"]["orchRefs"];

/** With the node's name in Kubernetes; the same list where it is there already. */
function withReference(present: References, nodeName: string | undefined): References {
  const isThere = present?.some((each) => each.orchestrator === "k8s" && each.nodeName === nodeName);
  if (nodeName === undefined || isThere === true) return present;
  return [...(present ?? []).filter(({ orchestrator }) => orchestrator !== "k8s"), { nodeName, orchestrator: "k8s" }];
}

function formatOwn({ address, subnet }: OwnAddress): string {
  return `${formatAddress(address)}/${subnet.length}`;
}

/**
 * The first agent of a cluster makes its ClusterInformation and the tiers that every one has; all later ones find them.
 * `clusterType`: words that are added to what is said of the cluster there.
 */
export async function registerCluster(
  client: ResourceClient,
  guid: () => string,
  clusterType: readonly string[] = [],
): Promise<void> {
  const { items } = await client.list(tier);
  for (const builtIn of items.filter(({ metadata }) => metadata.resourceVersion === undefined)) {
    await createOnce(client, builtIn);
  }
  const present = await client.find(clusterInformation, "default");
  if (present !== undefined) return await addClusterType(client, present, clusterType);
  const information: ClusterInformation = {
    kind: "ClusterInformation",
    apiVersion: API_VERSION,
    metadata: { name: "default" },
    spec: {
      clusterGUID: guid(),
      clusterType: clusterType.join(",") || "bgp",
      calicoVersion: CALICO_VERSION,
      datastoreReady: true,
    },
  };
  await createOnce(client, information);
}

async function addClusterType(
  client: ResourceClient,
  present: ClusterInformation,
  words: readonly string[],
): Promise<void> {
  if (withWords(present.spec.clusterType, words) === present.spec.clusterType || words.length === 0) return;
  await client.modify(clusterInformation, "default", undefined, (read) => ({
    ...read,
    spec: { ...read.spec, clusterType: withWords(read.spec.clusterType, words) },
  }));
}

const withWords = (text = "", words: readonly string[]): string =>
  [...new Set([...text.split(",").filter((word) => word !== ""), ...words])].join(",");

/** Of many agents that start at once one makes it. */
async function createOnce(client: ResourceClient, resource: AnyResource): Promise<void> {
  try {
    await client.create(resource);
  } catch (error) {
    // Another node's agent was faster.
    if (!(error instanceof ResourceError && error.code === "RESOURCE_EXISTS")) throw error;
  }
}

/** Written whole or not at all: the plugin may read it at any moment. */
export function writeNodenameFile(file: string, name: string): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(`${file}.new`, name, { mode: 0o644 });
  renameSync(`${file}.new`, file);
}
