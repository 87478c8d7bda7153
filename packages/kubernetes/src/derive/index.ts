export { rowAsItIs } from "./as-it-is.ts";
export { derivedUid, headOf, type ObjectHead } from "./metadata.ts";
export { type NodeOptions, nodeKeyOf, nodeOfKey, rowOfNode } from "./node/node.ts";
export { patchOfNode } from "./node/patch.ts";
export { AWS_POD_IPS, CONTAINER_ID, POD_IP, POD_IPS } from "./pod/annotations.ts";
export { endpointKeyOf, type PodOptions, rowOfPod } from "./pod/endpoint.ts";
export { type PodOfEndpoint, patchOfEndpoint, patchOfReleasedEndpoint, podOfEndpoint } from "./pod/patch.ts";
export {
  namespaceProfile,
  type ProfileSource,
  rowOfNamespace,
  rowOfServiceAccount,
  serviceAccountProfile,
  sourceOfProfile,
} from "./profile.ts";
export type { AnnotationPatch, DerivedRow } from "./row.ts";
export {
  readService,
  readSlice,
  type ServiceFacts,
  type SliceEndpoint,
  type SliceFacts,
  type SlicePort,
} from "./service.ts";
