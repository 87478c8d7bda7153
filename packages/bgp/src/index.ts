export { isPassive } from "./calico/passive.ts";
export { BgpError } from "./error.ts";
export { type AnyCommunity, hasCommunity, parseCommunity, withCommunities } from "./filter/community.ts";
export { compilePolicy } from "./filter/compile.ts";
export type { FilterWorld } from "./filter/match.ts";
export {
  ACCEPT,
  acceptAll,
  type Policy,
  type PolicyPeer,
  type PolicyRoute,
  reject,
  type Verdict,
} from "./filter/policy.ts";
export { localPrefOf, NORMAL_PRIORITY, priorityOf } from "./filter/priority.ts";
export type { Destination, FilterRule, FilterRules, Operation } from "./filter/rule.ts";
export type { NextHopResolver, NextHopState } from "./rib/decision.ts";
export type { ExplainedExport, ExplainedPath, Explanation } from "./rib/explain.ts";
export type { OriginatedRoute } from "./rib/own-routes.ts";
export type { TablePath, TableRow } from "./rib/table.ts";
export { DEFAULT_TIMERS, type GracefulRestartMode, type SessionTimers } from "./session/config.ts";
export type { StateName } from "./session/state.ts";
export { TROUBLES, type Trouble, type TroubleKind } from "./session/trouble.ts";
export { type MemoryNetwork, type MemoryNetworkOptions, memoryNetwork } from "./speaker/memory-network.ts";
export { createSpeaker } from "./speaker/speaker.ts";
export type {
  Connection,
  ConnectionHandlers,
  ConnectionSecurity,
  ConnectOptions,
  Dial,
  Endpoint,
  Listener,
  ListenOptions,
  Md5Refusals,
  Protection,
  Transport,
} from "./speaker/transport.ts";
export type {
  BestChange,
  BestRoute,
  DynamicPeerConfig,
  PeerConfig,
  PeerStatus,
  Speaker,
  SpeakerOptions,
} from "./speaker/types.ts";
export { ROUTER_TIMING, RouterLink, type RouterLinkOptions, type RouterTiming } from "./unnumbered/router-link.ts";
export {
  decodeRouterMessage,
  encodeAdvertisement,
  encodeSolicitation,
  type RouterMessage,
} from "./unnumbered/router-message.ts";
export { formatAsPath } from "./wire/attributes/as-path.ts";
export { formatAttributes } from "./wire/attributes/encode.ts";
export type {
  Aggregator,
  AsPath,
  AsSegment,
  LargeCommunity,
  OriginCode,
  PathAttributes,
  UnknownAttribute,
} from "./wire/attributes/types.ts";
export { type AddPath, type AddPathDirections, type LongLivedFamily, ROLES, type Role } from "./wire/capabilities.ts";
export { describeNotification, type NotificationKind } from "./wire/notification-kinds.ts";
