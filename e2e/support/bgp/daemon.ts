/** A BGP daemon of somebody else's, in a network namespace of its own, one hop from this process. */

export interface DaemonRoute {
  readonly prefix: string;
  /** "64512:100". */
  readonly communities?: readonly string[];
  /** "64512:1:2". */
  readonly largeCommunities?: readonly string[];
  /** Route targets: "64512:100". */
  readonly routeTargets?: readonly string[];
  readonly med?: number;
}

/** How the daemon is to see the one session that it has. */
export interface DaemonSession {
  /** Its AS and ours. */
  readonly as: number;
  readonly peerAs: number;
  /** Of the addresses between which the session is. */
  readonly transport: 4 | 6;
  readonly families: readonly (4 | 6)[];
  readonly password?: string;
  /** Its clients are told of each other. */
  readonly reflector?: boolean;
  readonly gracefulRestart?: boolean;
  readonly longLivedS?: number;
  readonly addPath?: boolean;
  /** RFC 8950. */
  readonly extendedNextHop?: boolean;
  readonly extendedMessages?: boolean;
  /** RFC 9234: what the daemon is to us. */
  readonly role?: "customer" | "provider" | "peer";
  readonly holdTimeS?: number;
  /** We are there already: it is the one who dials. */
  readonly dials?: boolean;
  /** Our addresses; two for two clients of a reflector. */
  readonly peers: readonly string[];
  readonly routes: readonly DaemonRoute[];
  /** An MRT file that the daemon is to write all messages into. */
  readonly messages?: string;
}

/** A route of ours as the daemon shows it. */
export interface SeenRoute {
  readonly nextHop: string;
  /** "64513 64514". */
  readonly asPath: string;
  readonly med: number | undefined;
  readonly localPref: number | undefined;
  readonly communities: readonly string[];
  readonly largeCommunities: readonly string[];
  /** "64512:100". */
  readonly routeTargets: readonly string[];
  readonly originatorId: string | undefined;
  readonly clusterList: readonly string[];
}

export interface Daemon {
  readonly name: string;
  /** Starts it; it dials and listens. */
  start(session: DaemonSession): Promise<void>;
  /** What it has of a prefix from us, one for each path. */
  seen(prefix: string): SeenRoute[];
  /** Asks us for all routes again. Undefined: it has no command for that. */
  refresh?(): void;
  /** Shuts the session down in these words. Undefined: it cannot say words. */
  shutdown?(communication: string): void;
  /** Writes its table into an MRT file. Undefined: it cannot at once. */
  dumpTable?(file: string): void;
  /** It puts what it learns into its kernel. */
  readonly programs: boolean;
  /** SIGKILL, and the same again. */
  kill(): Promise<void>;
  restart(): Promise<void>;
  stop(): Promise<void>;
}
