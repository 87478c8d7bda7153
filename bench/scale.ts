/**
 * What 10, 100 and 1,000 nodes of a VXLAN pool cost this node's kernel: routes, neighbours and forwarding entries from cold,
 * from the rows of the datastore to the last acknowledgement; then one node more, and a refresh that finds nothing to do.
 * Beside it the same entries by `ip -batch` and `bridge -batch`, the processes' start included.
 */
import { execFileSync } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { farEndMissing, RouteReconciler, VtepReconciler } from "@ocicat/agent/program";
import { systemClock, systemRandom } from "@ocicat/datastore/etcd";
import { Scope, silentLogger } from "@ocicat/kit";
import type { Kernel } from "@ocicat/linux";
import { formatAddress, type Ipv4, ipv4, Prefix, parseAddress, parseMac, parsePrefix } from "@ocicat/net";
import { NO_TUNNELS, type NodeRow, RoutingResolver, TUNNELS } from "@ocicat/routing";
import { inNamespace } from "./namespace.ts";
import { type Case, measured, median } from "./report.ts";

const SIZES = [10, 100, 1_000];
const ROUNDS = 5;
const POOL = parsePrefix("10.0.0.0/8");
const { device } = TUNNELS.vxlan;

export async function run(): Promise<Case[]> {
  const cases: Case[] = [];
  for (const size of SIZES) {
    const ours: Run[] = [];
    const peer: number[] = [];
    for (let round = -1; round < ROUNDS; round++) {
      const mine = await inNamespace((kernel) => throughReconcilers(prepared(kernel), size));
      const theirs = await inNamespace((kernel, name) => {
        prepared(kernel);
        return Promise.resolve(throughBatches(name, size));
      });
      if (round < 0) continue;
      ours.push(mine);
      peer.push(theirs);
    }
    const of = (field: keyof Run) => median(ours.map((each) => each[field]));
    const name = `${size} nodes`;
    cases.push(
      measured(
        `${name} from cold`,
        "ms",
        of("coldMs"),
        { name: "ip -batch, bridge -batch", value: median(peer) },
        { kind: "at most", value: 1 },
      ),
      measured(`${name} from cold: messages`, "messages", of("coldWrites"), undefined, {
        kind: "at most",
        value: 3 * size,
      }),
      measured(`${name}: longest turn of the event loop`, "ms", of("longestTurnMs"), undefined, {
        kind: "at most",
        value: 20,
      }),
      measured(`${name}: one more`, "ms", of("oneMoreMs"), undefined, { kind: "at most", value: 2 }),
      measured(`${name}: one more: messages`, "messages", of("oneMoreWrites"), undefined, {
        kind: "at most",
        value: 3,
      }),
      measured(`${name}: refresh`, "ms", of("refreshMs"), undefined, { kind: "none" }),
      measured(`${name}: refresh: messages`, "messages", of("refreshWrites"), undefined, { kind: "at most", value: 0 }),
    );
  }
  return cases;
}

interface Run {
  readonly coldMs: number;
  readonly coldWrites: number;
  readonly longestTurnMs: number;
  readonly oneMoreMs: number;
  readonly oneMoreWrites: number;
  readonly refreshMs: number;
  readonly refreshWrites: number;
}

/** This node's own device, as the agent leaves it. */
function prepared(kernel: Kernel): Kernel {
  const parent = kernel.link("ens33")?.index ?? 0;
  const vxlan = { name: device, id: 4096, port: 4789, local: parseAddress("192.168.0.81"), parent, mtu: 1450 };
  const outcomes = kernel.apply([{ op: "link.vxlan", vxlan }]);
  const linkIndex = kernel.link(device)?.index ?? 0;
  outcomes.push(
    ...kernel.apply([
      { op: "link.set", index: linkIndex, change: { up: true } },
      { op: "address.add", address: { linkIndex, address: ipv4(0x0a000000), prefixLength: 32, scope: 0 } },
    ]),
  );
  const refused = outcomes.find((outcome) => outcome !== undefined);
  if (refused !== undefined) throw new Error(`${refused.errno} ${refused.message}`);
  return kernel;
}

/** Node `index` has the /26 number `index` of the pool, whose first address is its device's. */
function block(index: number): Prefix {
  return Prefix.of(tunnelAddress(index), 26);
}

function tunnelAddress(index: number): Ipv4 {
  return ipv4(0x0a000000 + index * 64);
}

function nodeAddress(index: number): Ipv4 {
  return ipv4(0xac100000 + index);
}

function mac(index: number): string {
  return `66:00:00:00:${(index >> 8).toString(16).padStart(2, "0")}:${(index & 255).toString(16).padStart(2, "0")}`;
}

function node(index: number): NodeRow {
  return {
    name: `node${index}`,
    ipv4: { address: nodeAddress(index), subnet: parsePrefix("172.16.0.0/12") },
    ipv6: undefined,
    asNumber: undefined,
    routeReflectorClusterId: undefined,
    tunnels: { ...NO_TUNNELS, vxlan: { address: tunnelAddress(index), mac: parseMac(mac(index)) } },
  };
}

async function throughReconcilers(kernel: Kernel, size: number): Promise<Run> {
  const scope = new Scope("bench");
  let longestTurnMs = 0;
  const timed = (work: () => void) => {
    const start = performance.now();
    work();
    longestTurnMs = Math.max(longestTurnMs, performance.now() - start);
  };
  const surroundings = {
    kernel,
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
    scope,
    refreshMs: 0,
    defer: (work: () => void) => setImmediate(() => timed(work)),
  };
  const routes = new RouteReconciler({
    ...surroundings,
    interfacePrefix: "cali",
    inPools: (to) => POOL.covers(to),
    notYet: (route) => farEndMissing(route, vteps),
  });
  const vteps = new VtepReconciler({ ...surroundings, onKnown: () => routes.wake() });
  const resolver = new RoutingResolver("node0", "vxlan");
  resolver.setPool("pool", {
    name: "pool",
    cidr: POOL,
    ipipMode: "Never",
    vxlanMode: "Always",
    natOutgoing: true,
    disabled: false,
    disableBgpExport: false,
  });
  resolver.setNode("node0", { ...node(0), ipv4: { address: parseAddress("192.168.0.81"), subnet: POOL } });
  resolver.setUsable("vxlan", true);
  vteps.start();
  routes.start();
  await routes.settled();

  const tell = (index: number) => {
    resolver.setNode(`node${index}`, node(index));
    resolver.setBlock(`block${index}`, { prefix: block(index), node: `node${index}`, borrowed: [] });
  };
  const program = async () => {
    timed(() => {
      const changes = resolver.flush();
      for (const [key, vtep] of changes.vteps) vteps.setDesired(key, vtep);
      for (const { prefix, route } of changes.routes.values()) routes.setDesired(prefix, route);
    });
    await vteps.settled();
    await routes.settled();
  };
  const writes = () => routes.writes + vteps.writes;
  const measure = async (work: () => void | Promise<void>) => {
    const [start, before] = [performance.now(), writes()];
    await work();
    return { ms: performance.now() - start, writes: writes() - before };
  };

  const cold = await measure(async () => {
    for (let index = 1; index <= size; index++) tell(index);
    await program();
  });
  const present = kernel.routes(4, 254).filter((route) => POOL.covers(route.destination)).length;
  if (present !== size) throw new Error(`${present} routes, not ${size}`);
  // The kernel's notifications of all that are still on their way, and are not the cost of one more.
  await new Promise<void>((resolve) => setTimeout(resolve, 100));
  const oneMore = await measure(async () => {
    tell(size + 1);
    await program();
  });
  const refresh = await measure(async () => {
    vteps.resync();
    routes.resync();
    await vteps.settled();
    await routes.settled();
  });
  await scope.close();
  return {
    coldMs: cold.ms,
    coldWrites: cold.writes,
    longestTurnMs,
    oneMoreMs: oneMore.ms,
    oneMoreWrites: oneMore.writes,
    refreshMs: refresh.ms,
    refreshWrites: refresh.writes,
  };
}

function throughBatches(namespace: string, size: number): number {
  const indexes = Array.from({ length: size }, (_, index) => index + 1);
  const batch = (name: string, line: (index: number) => string) => {
    const file = join(tmpdir(), `${namespace}.${name}`);
    writeFileSync(file, `${indexes.map(line).join("\n")}\n`);
    return file;
  };
  const at = (index: number) => formatAddress(tunnelAddress(index));
  const ip = batch("ip", (index) =>
    [
      `neigh replace ${at(index)} lladdr ${mac(index)} dev ${device} nud permanent`,
      `route replace ${block(index)} via ${at(index)} dev ${device} onlink`,
    ].join("\n"),
  );
  const bridge = batch(
    "bridge",
    (index) => `fdb replace ${mac(index)} dev ${device} dst ${formatAddress(nodeAddress(index))} self permanent`,
  );
  const start = performance.now();
  execFileSync("bridge", ["-n", namespace, "-batch", bridge]);
  execFileSync("ip", ["-n", namespace, "-batch", ip]);
  const took = performance.now() - start;
  for (const file of [ip, bridge]) rmSync(file);
  return took;
}
