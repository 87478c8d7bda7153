export { ControlPlane, type ControlPlaneOptions } from "./control-plane/control-plane.ts";
export { Credentials } from "./control-plane/credentials.ts";
export { PrivateControlPlane, type PrivateControlPlaneOptions } from "./control-plane/private.ts";
export { findKubernetes } from "./programs.ts";
