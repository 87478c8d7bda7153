export { type Announcement, type DesiredRoute, RouteProtocol, sameAnnouncement, sameRoute } from "./desired.ts";
export {
  type AffinityRow,
  affinityKey,
  type EndpointRow,
  type LearnedRow,
  type NodeRow,
  type OwnAddress,
  type PoolRow,
} from "./inputs.ts";
export { isPassive, type MeshPeer, type MeshSettings, meshPeers } from "./mesh.ts";
export { type RoutingChanges, RoutingResolver, type WhyRoute } from "./resolver.ts";
