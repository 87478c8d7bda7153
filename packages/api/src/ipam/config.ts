import { type JsonObject, joinObject, readObject, toGoJson } from "./json.ts";

/** The settings that hold for every node (`/calico/ipam/v2/config`). */
export interface IpamConfig {
  /** Addresses come from a node's own blocks only: nobody borrows. */
  readonly strictAffinity: boolean;
  /** False: only blocks that a node has already are used. */
  readonly autoAllocateBlocks: boolean;
  /** Per node and family; 0: the default, 20. */
  readonly maxBlocksPerHost: number;
  readonly kubeVirtVmAddressPersistence: string | undefined;
  /** How long a released address rests before it may be given away again, in seconds. */
  readonly ipCooldownSeconds: number;
  readonly unknown: JsonObject;
}

/** What holds where nothing is stored. */
export const DEFAULT_IPAM_CONFIG: IpamConfig = {
  strictAffinity: false,
  autoAllocateBlocks: true,
  maxBlocksPerHost: 0,
  kubeVirtVmAddressPersistence: "Enabled",
  ipCooldownSeconds: 0,
  unknown: {},
};

/** A field that is missing from a stored value is Go's zero value, not the default. Throws IpamCorruptError. */
export function decodeIpamConfig(key: string, text: string): IpamConfig {
  const reader = readObject(key, text);
  return {
    strictAffinity: reader.boolean("strict_affinity") ?? false,
    autoAllocateBlocks: reader.boolean("auto_allocate_blocks") ?? false,
    maxBlocksPerHost: reader.count("maxBlocksPerHost") ?? 0,
    kubeVirtVmAddressPersistence: reader.string("kubeVirtVMAddressPersistence"),
    ipCooldownSeconds: reader.count("ipCooldownSeconds") ?? 0,
    unknown: reader.rest(),
  };
}

/** Leaves out zero values, as Calico does. */
export function encodeIpamConfig(config: IpamConfig): string {
  const persistence = config.kubeVirtVmAddressPersistence;
  return joinObject(
    [
      ["strict_affinity", config.strictAffinity ? "true" : undefined],
      ["auto_allocate_blocks", config.autoAllocateBlocks ? "true" : undefined],
      ["maxBlocksPerHost", config.maxBlocksPerHost === 0 ? undefined : `${config.maxBlocksPerHost}`],
      ["kubeVirtVMAddressPersistence", persistence === undefined ? undefined : toGoJson(persistence)],
      ["ipCooldownSeconds", config.ipCooldownSeconds === 0 ? undefined : `${config.ipCooldownSeconds}`],
    ],
    config.unknown,
  );
}

/** What is contradictory about the settings, or undefined. Calico refuses to store the same. */
export function ipamConfigProblem(config: IpamConfig): string | undefined {
  if (!config.strictAffinity && !config.autoAllocateBlocks) {
    return "auto_allocate_blocks is false, so strict_affinity must be true: a node could only borrow";
  }
  if (config.maxBlocksPerHost > 0 && !config.strictAffinity) {
    return "maxBlocksPerHost is set, so strict_affinity must be true: a node at its limit would borrow instead";
  }
  return undefined;
}
