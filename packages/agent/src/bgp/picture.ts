import type { Prefix } from "@ocicat/net";
import {
  meshPeers,
  type PeerNode,
  type PeerRow,
  type PeerWorkload,
  type PoolRow,
  peerSessions,
  type SecretRef,
} from "@ocicat/routing";
import type { BgpFilterRow } from "../tables/bgp-filter-row.ts";
import type { BgpSettingsRow } from "../tables/bgp-rows.ts";
import type { LinkNeighbours } from "./neighbours.ts";
import type { Secrets } from "./secrets.ts";
import { type Session, type SessionSettings, sessionsOf } from "./sessions.ts";

/** What decides about a node's sessions. */
export interface BgpPicture {
  /** Undefined: the node's resource is not there. */
  readonly self: PeerNode | undefined;
  readonly nodes: Iterable<PeerNode>;
  readonly peers: Iterable<PeerRow>;
  readonly settings: BgpSettingsRow;
  /** Where a node listens by its configuration. */
  readonly portOf: (node: string) => number;
  /** This node's workloads, of which some may be peers. */
  readonly workloads: Iterable<PeerWorkload>;
  /** What is taken of peers and told to them; other functions only where they decide otherwise. */
  readonly policies: SessionSettings["policies"];
  /** The same as data, for a daemon that has its own language for it. */
  readonly filters: readonly BgpFilterRow[];
  readonly pools: readonly PoolRow[];
  /** Ranges of services, of which a reflector passes on what nodes announce. */
  readonly reflected: readonly Prefix[];
}

export interface PictureOptions {
  /** Overrides BGPConfiguration's listenPort; undefined: that one. */
  readonly port: number | undefined;
  readonly secrets: Secrets;
  readonly neighbours: LinkNeighbours;
}

/** Every session that the node should have, also those that must not be held. */
export function sessionsOfPicture(self: PeerNode, picture: BgpPicture, options: PictureOptions): Session[] {
  const { port, secrets, neighbours } = options;
  const { nodes, peers, settings, workloads, policies } = picture;
  const all = [...nodes];
  const { asNumber, meshEnabled: enabled, meshPassword, meshRestartTimeS, meshBfd } = settings;
  // In a lab of one's own every node listens where this one was told to.
  const portOf = (node: string) => port ?? picture.portOf(node);
  const mesh = meshPeers(self, all, { enabled, asNumber });
  const neighbourOn = (link: string) => neighbours.on(link);
  const asked = peerSessions(self, all, peers, { asNumber, portOf, workloads, neighbourOn });
  neighbours.want(asked.flatMap(({ unnumbered, link }) => (unnumbered && link !== undefined ? [link] : [])));
  const secret = (ref: SecretRef) => secrets.read(ref);
  return sessionsOf(mesh, asked, { portOf, meshPassword, meshRestartTimeS, meshBfd, secret, policies });
}
