export { rebootNode } from "./build.ts";
export { ControlPlane, type ControlPlaneOptions } from "./control-plane/control-plane.ts";
export { Credentials } from "./control-plane/credentials.ts";
export { PrivateControlPlane, type PrivateControlPlaneOptions } from "./control-plane/private.ts";
export {
  applyManifest,
  projectManifest,
  publishProjectImage,
  publishUpstreamTestImage,
  waitForReadyNodes,
} from "./install.ts";
export { KubernetesLab } from "./kubernetes-lab.ts";
export { editManifest, type ManifestEdits } from "./manifest.ts";
export { cutNode, type NodeProgram, startNode, startNodeProgram, stopNodeProgram } from "./node/start.ts";
export { findKubernetes } from "./programs.ts";
