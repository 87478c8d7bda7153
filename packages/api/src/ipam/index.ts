export { type AffinityState, type BlockAffinity, decodeAffinity, encodeAffinity, newAffinity } from "./affinity.ts";
export { AllocationAttribute, cutHandleId, type Owner, WINDOWS_RESERVED_HANDLE } from "./attribute.ts";
export { type AllocationBlock, blockOwner, decodeBlock, encodeBlock, isOwnedBy } from "./block.ts";
export {
  DEFAULT_IPAM_CONFIG,
  decodeIpamConfig,
  encodeIpamConfig,
  type IpamConfig,
  ipamConfigProblem,
} from "./config.ts";
export { IpamCorruptError } from "./errors.ts";
export { decodeHandle, encodeHandle, type IpamHandle, newHandle } from "./handle.ts";
export type { JsonObject } from "./json.ts";
export {
  type AffinityOwner,
  affinitiesPrefix,
  affinityKey,
  blockKey,
  blocksPrefix,
  formatOwner,
  HANDLES_PREFIX,
  HOSTS_PREFIX,
  handleKey,
  hostOwner,
  IPAM_CONFIG_KEY,
  IPAM_PREFIX,
  type IpamKey,
  type OwnerType,
  parseIpamKey,
  parseOwner,
} from "./keys.ts";
