import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import type { Scope } from "@ocicat/kit";
import { Maintenance, StatusRequestSchema } from "../../src/proto/rpc_pb.ts";
import { TestClient } from "../server/support/client.ts";

interface Place {
  readonly name: string;
  readonly client: number;
  readonly peer: number;
}

/** Real etcd members that make one cluster on loopback; all of it goes with the scope. */
export class Cluster {
  readonly #directory = mkdtempSync(join(tmpdir(), "oct-cluster-"));
  readonly #places: readonly Place[];
  readonly #running = new Map<string, ChildProcess>();

  static async start(scope: Scope, members = 3): Promise<Cluster> {
    const ports = await freePorts(members * 2);
    const places = Array.from({ length: members }, (_, index) => ({
      name: `m${index}`,
      client: ports[index * 2] ?? 0,
      peer: ports[index * 2 + 1] ?? 0,
    }));
    const cluster = new Cluster(places);
    scope.add("cluster", () => cluster.#stop());
    for (const { name } of places) cluster.run(name);
    await cluster.leader();
    return cluster;
  }

  private constructor(places: readonly Place[]) {
    this.#places = places;
  }

  get names(): readonly string[] {
    return this.#places.map(({ name }) => name);
  }

  get endpoints(): readonly string[] {
    return this.#places.map(({ client }) => `http://127.0.0.1:${client}`);
  }

  /** Starts a member, with the data it had. */
  run(name: string): void {
    const place = this.#place(name);
    const peers = this.#places.map((each) => `${each.name}=http://127.0.0.1:${each.peer}`).join(",");
    const flags = {
      name,
      "data-dir": join(this.#directory, name),
      "listen-client-urls": `http://127.0.0.1:${place.client}`,
      "advertise-client-urls": `http://127.0.0.1:${place.client}`,
      "listen-peer-urls": `http://127.0.0.1:${place.peer}`,
      "initial-advertise-peer-urls": `http://127.0.0.1:${place.peer}`,
      "initial-cluster": peers,
      "heartbeat-interval": "50",
      "election-timeout": "500",
      "grpc-keepalive-min-time": "10ms",
      "enable-v2": "false",
      logger: "zap",
    };
    const args = Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`);
    this.#running.set(name, spawn("etcd", [...args, "--unsafe-no-fsync"], { stdio: "ignore" }));
  }

  /** Ends a member as a crash does. */
  async kill(name: string): Promise<void> {
    const child = this.#running.get(name);
    this.#running.delete(name);
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exit = once(child, "exit");
    child.kill("SIGKILL");
    await exit;
  }

  /** SIGSTOP: it holds its connections and says nothing. SIGCONT: it goes on. */
  signal(name: string, signal: "SIGSTOP" | "SIGCONT"): void {
    this.#running.get(name)?.kill(signal);
  }

  /** The member that most of those that answer take for their leader; waits until there is one. */
  async leader(): Promise<string> {
    for (const deadline = performance.now() + 20_000; performance.now() < deadline; ) {
      const statuses = await Promise.all(this.#places.map((place) => this.#status(place)));
      for (const candidate of statuses) {
        const followers = statuses.filter((status) => status?.leader === candidate?.id);
        if (candidate !== undefined && followers.length * 2 > this.#places.length) return candidate.name;
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error("the cluster has no leader after 20 s");
  }

  async #status({ name, client: port }: Place) {
    const client = new TestClient({ host: "127.0.0.1", port });
    const patience = setTimeout(() => client.close(), 300);
    try {
      const { header, leader } = await client.call(Maintenance.method.status, create(StatusRequestSchema));
      return { name, id: header?.memberId, leader };
    } catch {
      return undefined;
    } finally {
      clearTimeout(patience);
      client.close();
    }
  }

  #place(name: string): Place {
    const place = this.#places.find((each) => each.name === name);
    if (place === undefined) throw new Error(`no member ${name}`);
    return place;
  }

  async #stop(): Promise<void> {
    await Promise.all([...this.#running.keys()].map((name) => this.kill(name)));
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

/** Ports that nobody listens on now. */
async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, "127.0.0.1"));
  await Promise.all(servers.map((server) => once(server, "listening")));
  const ports = servers.map((server) => {
    const address = server.address();
    return address !== null && typeof address === "object" ? address.port : 0;
  });
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
