import { API_VERSION, type NetworkPolicy } from "@ocicat/api";
import { ResourceClient } from "@ocicat/client";
import { systemClock, systemRandom } from "@ocicat/datastore/etcd";
import { eventually, type TestLab } from "./lab.ts";
import { PacketStream, type StreamReport } from "./packet-stream.ts";

const DENIED = 7101;
const ALLOWED = 7102;

/**
 * Two streams from another node to one pod, one that its policy lets in and one that it keeps out, while something happens to
 * the agent, the policies, the datastore or the tables. Throws if one packet passes that must not, or one is lost.
 */
export class PolicyChaos {
  readonly #lab: TestLab;

  constructor(lab: TestLab) {
    this.#lab = lab;
  }

  /** The policy is in force when this resolves. */
  async prepare(): Promise<void> {
    await this.#write(0);
    const stream = await PacketStream.open(this.#lab, { from: "pod2", to: "pod1", port: ALLOWED, periodMs: 10 });
    await stream.flowing();
    await stream.stop();
    await this.#settled();
  }

  async during(work: () => Promise<void>): Promise<{ readonly denied: StreamReport; readonly allowed: StreamReport }> {
    const denied = await PacketStream.open(this.#lab, { from: "pod2", to: "pod1", port: DENIED });
    const allowed = await PacketStream.open(this.#lab, { from: "pod2", to: "pod1", port: ALLOWED });
    try {
      await allowed.flowing();
      await work();
      await this.#settled();
      const reports = { denied: await denied.stop(), allowed: await allowed.stop() };
      judge(reports.denied, reports.allowed);
      return reports;
    } finally {
      denied.kill();
      allowed.kill();
    }
  }

  /** By SIGKILL. */
  async restartAgent(node: string, times: number): Promise<void> {
    for (let round = 0; round < times; round++) {
      await this.#lab.lab.kill(`agent-${node}`);
      await this.#lab.lab.restartAgent(node);
      // Peers keep the routes of one that restarts until it has said all of them again, and no longer if it goes once more
      // before that (RFC 4724 §4.2: what is stale already is then deleted).
      for (const { name } of this.#lab.topology.nodes) {
        if (name !== node) await eventually(() => this.#peersOf(name), allFresh, 30_000);
      }
    }
  }

  async #peersOf(node: string): Promise<readonly PeerState[]> {
    const { peers } = (await this.#lab.agent(node, "/bgp")) as { readonly peers: readonly PeerState[] };
    return peers;
  }

  /** The policy that decides about both streams, and another that selects the same pod, in another form each time. */
  async rewritePolicies(times: number): Promise<void> {
    for (let round = 1; round <= times; round++) await this.#write(round);
  }

  async datastoreAway(ms: number): Promise<void> {
    await this.#lab.lab.kill("datastore");
    const until = performance.now() + ms;
    await eventually(
      () => performance.now(),
      (now) => now > until,
      ms + 5_000,
    );
    await this.#lab.lab.restartDatastore();
  }

  /** As an administrator would, and as a firewall's own service does when it starts. The kernel refuses it for owned tables. */
  async flushTables(node: string, times: number): Promise<void> {
    for (let round = 0; round < times; round++) {
      await this.#lab.exec(node, "nft", "flush", "ruleset");
      await this.#lab.exec(node, "nft", "flush", "table", "inet", "ocicat-policy");
      await this.#lab.exec(node, "nft", "delete", "table", "inet", "ocicat-policy");
    }
  }

  /** The agents are back, and what they hold is what policy wants. */
  async #settled(): Promise<void> {
    await eventually(
      () =>
        this.#lab.agent("node1", "/policy/verify").catch((error: unknown) => String(error)) as Promise<{
          settled: boolean;
          differences: number;
        }>,
      ({ settled, differences }) => settled && differences === 0,
      30_000,
    );
  }

  /** Forms that say the same to both streams: rules in another order, other ports beside, split over two policies. */
  async #write(round: number): Promise<void> {
    const others = Array.from({ length: round % 7 }, (_, index) => 8000 + ((round * 13 + index) % 500));
    const allow = (ports: readonly number[]) => ({
      action: "Allow" as const,
      protocol: "UDP",
      source: round % 2 === 0 ? {} : { nets: ["10.244.0.0/16"] },
      destination: { ports },
    });
    const pass = [allow([ALLOWED, ...others])];
    const deny = { action: "Deny" as const, protocol: "UDP", source: {}, destination: { ports: [DENIED] } };
    const client = new ResourceClient({ store: this.#lab.store, clock: systemClock, random: systemRandom });
    await client.apply(
      policyOf("streams", 100, round % 3 === 0 ? [deny, ...pass] : round % 3 === 1 ? [...pass, deny] : pass),
    );
    await client.apply(policyOf("beside", 50 + (round % 100), [allow(others.length === 0 ? [8000] : others)]));
  }
}

interface PeerState {
  readonly state: string;
  /** Routes kept from before its restart that it has not said again. */
  readonly stale: number;
}

function allFresh(peers: readonly PeerState[]): boolean {
  return peers.length > 0 && peers.every(({ state, stale }) => state === "Established" && stale === 0);
}

function policyOf(name: string, order: number, ingress: NetworkPolicy["spec"]["ingress"]): NetworkPolicy {
  return {
    kind: "NetworkPolicy",
    apiVersion: API_VERSION,
    metadata: { name, namespace: "default" },
    spec: {
      tier: "default",
      order,
      selector: "projectcalico.org/orchestrator == 'k8s'",
      types: ["Ingress"],
      ...(ingress === undefined ? {} : { ingress }),
    },
  };
}

function judge(denied: StreamReport, allowed: StreamReport): void {
  if (denied.sent < 100 || allowed.sent < 100) throw new Error("the streams did not flow");
  if (denied.received > 0) throw new Error(`${denied.received} packets passed of ${denied.sent} that must not`);
  if (allowed.missing.length > 0)
    throw new Error(`${allowed.missing.length} packets were lost of ${allowed.sent}: ${allowed.missing.slice(0, 20)}`);
}
