export { aggregated } from "./aggregate.ts";
export {
  type Announcement,
  type DesiredRoute,
  RouteProtocol,
  sameAnnouncement,
  sameRoute,
  sameVtep,
  sameWay,
  type Vtep,
  type Way,
  waysOf,
} from "./desired.ts";
export {
  type AffinityRow,
  affinityKey,
  type BlockRow,
  type EndpointRow,
  type LearnedRow,
  type NodeRow,
  type OwnAddress,
  type PeerGateway,
  type PoolRow,
} from "./inputs.ts";
export { isPassive, type MeshPeer, type MeshSettings, meshPeers } from "./mesh.ts";
export {
  type BfdTimers,
  type LabelMatch,
  type Neighbour,
  type PeerNode,
  type PeerRow,
  type PeerScope,
  type PeerSession,
  type PeerSettings,
  type PeerWorkload,
  peerSessions,
  type SecretRef,
} from "./peers.ts";
export { BACKENDS, type Backend, type PoolPath, poolPath, wantedTunnels } from "./pool-path.ts";
export { type RoutingChanges, RoutingResolver, type WhyRoute } from "./resolver.ts";
export {
  NO_RANGES,
  ServiceAnnouncements,
  type ServiceRanges,
  type ServiceReach,
  type ServiceRow,
} from "./services.ts";
export {
  NO_TUNNELS,
  type NodeTunnels,
  TUNNEL_KINDS,
  TUNNELS,
  type TunnelDevice,
  type TunnelKind,
  type VxlanEnd,
} from "./tunnels.ts";
