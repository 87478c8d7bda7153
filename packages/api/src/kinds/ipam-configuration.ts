import { defineKind } from "../define-kind.ts";
import { IPAM_CONFIG_KEY } from "../ipam/keys.ts";
import type { Problem } from "../problem.ts";
import { API_VERSION, type Resource } from "../resource.ts";
import { choice, defaulted, flag, type Infer, implied, integer, isObject, object } from "../schema/index.ts";
import type { Storage } from "../storage.ts";
import { defaultName } from "./configuration-name.ts";

const spec = object(
  {
    strictAffinity: defaulted(flag(), false),
    autoAllocateBlocks: defaulted(flag(), true),
    maxBlocksPerHost: implied(integer(0, 2_147_483_647), 0),
    kubeVirtVMAddressPersistence: defaulted(choice("Enabled", "Disabled"), "Enabled"),
    ipCooldownSeconds: implied(integer(0, 1200), 0),
  },
  {
    strictAffinity: "Nodes give out addresses of their own blocks only, and borrow none.",
    autoAllocateBlocks: "Nodes take a new block when theirs are full.",
    maxBlocksPerHost: "How many blocks a node may have; 0 is no limit.",
    kubeVirtVMAddressPersistence: "A virtual machine of KubeVirt keeps its addresses while it moves or restarts.",
    ipCooldownSeconds:
      "How long a released address is kept from being given again, in seconds, at most 1200; 0 is not at all.",
  },
);

export interface IPAMConfigurationSpec extends Infer<typeof spec> {}
/** How addresses are given out in the whole cluster; a view of the one value that IPAM keeps. */
export type IPAMConfiguration = Resource<IPAMConfigurationSpec, unknown, "IPAMConfiguration">;

/** The stored value has no metadata, and two names of its own. A boolean that it lacks is false there (Go's omitempty). */
const STORED_NAMES: Readonly<Record<string, string>> = {
  strictAffinity: "strict_affinity",
  autoAllocateBlocks: "auto_allocate_blocks",
};

const storage: Storage = {
  prefix: () => IPAM_CONFIG_KEY,
  key: () => IPAM_CONFIG_KEY,
  parse: (key) => (key === IPAM_CONFIG_KEY ? { name: "default", namespace: undefined } : undefined),
  fromStored: (stored) => ({
    kind: "IPAMConfiguration",
    apiVersion: API_VERSION,
    metadata: { name: "default" },
    spec: fromStoredSpec(stored),
  }),
  toStored: ({ spec }) => (isObject(spec) ? toStoredSpec(spec) : {}),
};

function fromStoredSpec(stored: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const named = Object.entries(STORED_NAMES).map(([name, old]) => [name, stored[old] ?? false] as const);
  const rest = Object.entries(stored).filter(([name]) => !Object.values(STORED_NAMES).includes(name));
  return Object.fromEntries([...named, ...rest]);
}

function toStoredSpec<V>(spec: Readonly<Record<string, V>>): Readonly<Record<string, V>> {
  const entries = Object.entries(spec).filter(([name, value]) => value !== false || STORED_NAMES[name] === undefined);
  return Object.fromEntries(entries.map(([name, value]) => [STORED_NAMES[name] ?? name, value]));
}

export const ipamConfiguration = defineKind<IPAMConfiguration>({
  kind: "IPAMConfiguration",
  description: "How addresses are given out in the whole cluster. There is one.",
  plural: "ipamconfigurations",
  aliases: ["ipamconfig", "ipamconfigs"],
  namespaced: false,
  name: defaultName,
  spec,
  storage,
  rules: {
    "maxBlocksPerHost, or autoAllocateBlocks that is false, needs strictAffinity.": checkTogether,
  },
  example: { name: "default", spec: { strictAffinity: true, maxBlocksPerHost: 4 } },
  columns: [
    { heading: "NAME", cell: ({ metadata }) => metadata.name },
    { heading: "STRICTAFFINITY", cell: ({ spec }) => String(spec.strictAffinity) },
    { heading: "AUTOALLOCATEBLOCKS", cell: ({ spec }) => String(spec.autoAllocateBlocks) },
  ],
  wide: [
    { heading: "NAME", cell: ({ metadata }) => metadata.name },
    { heading: "STRICTAFFINITY", cell: ({ spec }) => String(spec.strictAffinity) },
    { heading: "AUTOALLOCATEBLOCKS", cell: ({ spec }) => String(spec.autoAllocateBlocks) },
    { heading: "MAXBLOCKSPERHOST", cell: ({ spec }) => String(spec.maxBlocksPerHost) },
  ],
});

function* checkTogether({ spec }: IPAMConfiguration): Iterable<Problem> {
  if (spec.strictAffinity) return;
  const field = "spec.strictAffinity";
  if (!spec.autoAllocateBlocks) {
    const message = "must be true where autoAllocateBlocks is false: a node could only borrow";
    yield { field, value: false, rule: "strict-affinity", message };
  }
  if (spec.maxBlocksPerHost > 0) {
    const message = "must be true where maxBlocksPerHost is set: a node at its limit would borrow instead";
    yield { field, value: false, rule: "strict-affinity", message };
  }
}
