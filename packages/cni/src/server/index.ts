export type {
  AddRequest,
  AgentStatus,
  AttachmentRequest,
  CheckRequest,
  CniBackend,
  DelRequest,
  IpamAddRequest,
  IpamAddress,
  StatusRequest,
  ValidAttachment,
} from "./backend.ts";
export { DEFAULT_SOCKET } from "./listen.ts";
export { type CniServer, type CniServerOptions, createCniServer, type ObservedOperation } from "./server.ts";
