import { createLogger, type Logger, seededRandom, TestClock } from "@ocicat/kit";
import { formatScoped, type Ipv4, ipv4, parseAddress, parsePrefix } from "@ocicat/net";
import {
  type BestChange,
  createSpeaker,
  isPassive,
  type MemoryNetwork,
  type MemoryNetworkOptions,
  memoryNetwork,
  type OriginatedRoute,
  type PeerConfig,
  type Speaker,
  type SpeakerOptions,
} from "../../src/index.ts";

export function address4(text: string): Ipv4 {
  const address = parseAddress(text);
  if (typeof address !== "number") throw new Error(`${text} is not IPv4`);
  return ipv4(address);
}

export function route(prefix: string, extra: Partial<OriginatedRoute> = {}): OriginatedRoute {
  return { prefix: parsePrefix(prefix), origin: "test", ...extra };
}

/** A speaker with everything it reported. */
export interface Node {
  readonly ip: string;
  readonly speaker: Speaker;
  readonly changes: BestChange[];
  /** "10.0.0.0/26 via 192.168.0.81", in prefix order: what the owner would have programmed. */
  readonly routes: () => string[];
  /** Whether `onReady` was called. */
  readonly readyCalls: { count: number };
  readonly warnings: string[];
}

export interface Lab {
  readonly clock: TestClock;
  readonly network: MemoryNetwork;
  node(ip: string, options?: Partial<SpeakerOptions>): Promise<Node>;
  /** Lets time pass. */
  advance(ms: number): void;
}

export function createLab(options: MemoryNetworkOptions = {}): Lab {
  const clock = new TestClock();
  const network = memoryNetwork(clock, options);
  let seed = 1;
  return {
    clock,
    network,
    advance: (ms) => clock.advance(ms),
    async node(ip, speakerOptions = {}) {
      const changes: BestChange[] = [];
      const table = new Map<string, string>();
      const readyCalls = { count: 0 };
      const warnings: string[] = [];
      const speaker = createSpeaker({
        clock,
        random: seededRandom(seed++),
        logger: collecting(warnings),
        transport: network.host(address4(ip)),
        localAs: 64512,
        routerId: address4(ip),
        listen: { port: 179, address: address4(ip) },
        onChange: (batch) => {
          changes.push(...batch);
          for (const { prefix, best } of batch) {
            if (best === undefined) table.delete(prefix.toString());
            else table.set(prefix.toString(), best.nextHops.map(formatScoped).join(" "));
          }
        },
        onReady: () => {
          readyCalls.count += 1;
        },
        ...speakerOptions,
      });
      await speaker.start();
      const routes = () => [...table].map(([prefix, hops]) => `${prefix} via ${hops}`).sort();
      return { ip, speaker, changes, routes, readyCalls, warnings };
    },
  };
}

function collecting(warnings: string[]): Logger {
  return createLogger("bgp", "warning", ({ message, fields }) => warnings.push(`${message} ${JSON.stringify(fields)}`));
}

export function peerTo(local: string, remote: string, extra: Partial<PeerConfig> = {}): PeerConfig {
  return {
    name: `Mesh_${remote.replaceAll(".", "_")}`,
    remoteAddress: address4(remote),
    localAddress: address4(local),
    remoteAs: 64512,
    passive: isPassive(local, remote),
    ...extra,
  };
}

/** The configuration of a full mesh, for one of its nodes. */
export function mesh(local: string, all: readonly string[], extra: Partial<PeerConfig> = {}): PeerConfig[] {
  return all.filter((ip) => ip !== local).map((remote) => peerTo(local, remote, extra));
}
