export { currentNamespace, NamespaceHandle, type NamespaceKind, openNamespace } from "./handle.ts";
export {
  bindMount,
  type MountFlag,
  type MountRequest,
  mount,
  mountAt,
  mounts,
  type Propagation,
  pivotRoot,
  setPropagation,
  unmount,
} from "./mount.ts";
export {
  createMountNamespace,
  deleteMountNamespace,
  ensurePrivateDirectory,
  type MountNamespaceOptions,
  releasePrivateDirectory,
} from "./mount-namespace.ts";
export { type MountEntry, parseMountInfo } from "./mountinfo.ts";
export { createNetworkNamespace, deleteNetworkNamespace } from "./network.ts";
export { type SpawnNamespaces, spawnIn } from "./spawn.ts";
export type { SynchronousFunction } from "./synchronous.ts";
export { type NamespaceSet, withNamespaces, withNetns } from "./with.ts";
