import { Scope, seededRandom, silentLogger, TestClock } from "@ocicat/kit";
import { FakeKernel, type Kernel, type KernelOperation, type Route } from "@ocicat/linux/kernel";
import { type Prefix, parseAddress, parsePrefix, parseScoped } from "@ocicat/net";
import type { DesiredRoute } from "@ocicat/routing";
import { describe, expect, it } from "vitest";
import { RouteReconciler } from "../../src/program/route-reconciler.ts";

const pool = parsePrefix("10.244.0.0/16");
const origin = { reason: "a test wants it", resources: [] };
const block: DesiredRoute = { kind: "blackhole", destination: parsePrefix("10.244.1.0/26"), protocol: 12, origin };
const remote: DesiredRoute = {
  kind: "via",
  destination: parsePrefix("10.244.2.0/26"),
  via: parseAddress("192.168.0.82"),
  device: undefined,
  onlink: false,
  protocol: 12,
  origin,
};
const local: DesiredRoute = {
  kind: "device",
  destination: parsePrefix("10.244.1.5/32"),
  device: "cali1",
  protocol: 3,
  origin,
};

function must(kernel: Kernel, ...operations: KernelOperation[]): void {
  expect(kernel.apply(operations).filter((outcome) => outcome !== undefined)).toEqual([]);
}

function index(kernel: Kernel, name: string): number {
  return kernel.link(name)?.index ?? 0;
}

/** A node with its interface ens33 (one end of a veth) on 192.168.0.0/24, and a reconciler whose turns the test takes. */
function setUp(prepare: (kernel: FakeKernel) => void = () => undefined) {
  const kernel = new FakeKernel();
  must(kernel, { op: "link.veth", veth: { name: "ens33", up: true, peer: { name: "segment" } } });
  must(kernel, { op: "link.set", index: index(kernel, "segment"), change: { up: true } });
  must(kernel, {
    op: "address.add",
    address: { linkIndex: index(kernel, "ens33"), address: parseAddress("192.168.0.81"), prefixLength: 24, scope: 0 },
  });
  prepare(kernel);
  const deferred: (() => void)[] = [];
  const told = { reach: 0 };
  const clock = new TestClock();
  const reconciler = new RouteReconciler({
    kernel,
    clock,
    random: seededRandom(1),
    logger: silentLogger,
    scope: new Scope("test"),
    interfacePrefix: "cali",
    inPools: (destination: Prefix) => pool.covers(destination),
    refreshMs: 90_000,
    onReachChanged: () => {
      told.reach += 1;
    },
    defer: (work) => deferred.push(work),
  });
  const turn = async () => {
    for (let quiet = 0; quiet < 3; quiet++) {
      await Promise.resolve();
      for (let work = deferred.shift(); work !== undefined; work = deferred.shift()) {
        quiet = 0;
        work();
      }
    }
  };
  return { kernel, clock, reconciler, turn, told };
}

function makePodLink(kernel: Kernel, name: string): void {
  must(kernel, { op: "link.veth", veth: { name, up: true, peer: { name: `${name}p` } } });
  must(kernel, { op: "link.set", index: index(kernel, `${name}p`), change: { up: true } });
}

function table(kernel: Kernel): string[] {
  return kernel
    .routes(4, 254)
    .filter((route) => pool.covers(route.destination) || route.protocol === 12)
    .map((route) => `${route.kind} ${route.destination} proto ${route.protocol}`)
    .sort();
}

const want = (reconciler: RouteReconciler, ...routes: DesiredRoute[]) => {
  for (const route of routes) reconciler.setDesired(route.destination, route);
};

describe("RouteReconciler", () => {
  it("writes nothing before it is started", async () => {
    const { kernel, reconciler, turn } = setUp();
    const before = kernel.writes;
    want(reconciler, block, remote);
    await turn();
    expect(kernel.writes).toBe(before);
    reconciler.start();
    await turn();
    expect(table(kernel)).toEqual(["blackhole 10.244.1.0/26 proto 12", "unicast 10.244.2.0/26 proto 12"]);
  });

  it("writes again what went with a link's last IPv4 address, once it has another one", async () => {
    const { kernel, reconciler, turn } = setUp();
    want(reconciler, block, remote);
    reconciler.start();
    await turn();
    const address = { linkIndex: index(kernel, "ens33"), prefixLength: 24, scope: 0 };
    must(
      kernel,
      { op: "address.delete", address: { ...address, address: parseAddress("192.168.0.81") } },
      { op: "address.add", address: { ...address, address: parseAddress("192.168.0.91") } },
    );
    expect(table(kernel)).toEqual(["blackhole 10.244.1.0/26 proto 12"]);
    await turn();
    expect(table(kernel)).toEqual(["blackhole 10.244.1.0/26 proto 12", "unicast 10.244.2.0/26 proto 12"]);
  });

  it("rewrites nothing that is right: a restart over the same state costs no write", async () => {
    const first = setUp();
    want(first.reconciler, block, remote);
    first.reconciler.start();
    await first.turn();
    const before = first.kernel.writes;
    const again = new RouteReconciler({
      kernel: first.kernel,
      clock: new TestClock(),
      random: seededRandom(1),
      logger: silentLogger,
      scope: new Scope("again"),
      interfacePrefix: "cali",
      inPools: (destination) => pool.covers(destination),
      refreshMs: 0,
      defer: (work) => work(),
    });
    want(again, block, remote);
    again.start();
    again.releaseLearned();
    await first.turn();
    expect(first.kernel.writes).toBe(before);
  });

  it("holds what an earlier run learned until told that BGP is complete, then removes what nobody wants", async () => {
    const { kernel, reconciler, turn } = setUp((before) => {
      const route: Route = {
        kind: "unicast",
        destination: parsePrefix("10.244.9.0/26"),
        table: 254,
        protocol: 12,
        scope: 0,
        metric: 0,
        preferredSource: undefined,
        nextHops: [{ via: parseAddress("192.168.0.83"), linkIndex: index(before, "ens33"), weight: 1, onlink: false }],
        mtu: undefined,
      };
      must(before, { op: "route.replace", route });
    });
    want(reconciler, block);
    reconciler.start();
    await turn();
    expect(table(kernel)).toContain("unicast 10.244.9.0/26 proto 12");
    reconciler.releaseLearned();
    await turn();
    expect(table(kernel)).toEqual(["blackhole 10.244.1.0/26 proto 12"]);
  });

  it("leaves alone what is not its own: other protocols, and its protocol outside the pools", async () => {
    const foreign = (destination: string, protocol: number): KernelOperation => ({
      op: "route.replace",
      route: {
        kind: "blackhole",
        destination: parsePrefix(destination),
        table: 254,
        protocol,
        scope: 0,
        metric: 0,
        preferredSource: undefined,
        nextHops: [],
        mtu: undefined,
      },
    });
    const { kernel, reconciler, turn } = setUp((before) =>
      must(before, foreign("10.244.7.0/26", 4), foreign("172.30.0.0/16", 12)),
    );
    reconciler.start();
    reconciler.releaseLearned();
    await turn();
    expect(table(kernel)).toEqual(["blackhole 10.244.7.0/26 proto 4", "blackhole 172.30.0.0/16 proto 12"]);
  });

  it("waits for an interface and programs its route when it comes, and again when it comes back", async () => {
    const { kernel, reconciler, turn } = setUp();
    want(reconciler, local);
    reconciler.start();
    await turn();
    expect(reconciler.pending().map((entry) => entry.reason)).toEqual(["interface cali1 does not exist"]);
    expect(reconciler.missing(local.destination.isHost ? [local.destination.address] : [])[0]).toContain(
      "does not exist",
    );
    makePodLink(kernel, "cali1");
    await turn();
    expect(table(kernel)).toEqual(["unicast 10.244.1.5/32 proto 3"]);
    must(kernel, { op: "link.delete", index: index(kernel, "cali1") });
    makePodLink(kernel, "cali1");
    await turn();
    expect(table(kernel)).toEqual(["unicast 10.244.1.5/32 proto 3"]);
    expect(reconciler.pending()).toEqual([]);
  });

  it("says why a next hop on no subnet is not programmed", async () => {
    const { reconciler, turn } = setUp();
    want(reconciler, { ...remote, via: parseAddress("10.1.1.1") });
    reconciler.start();
    await turn();
    expect(reconciler.inspect(remote.destination).pending).toContain("on no subnet of this node");
  });

  it("puts back what somebody deletes, by notification and without waiting for the refresh", async () => {
    const { kernel, reconciler, turn } = setUp();
    want(reconciler, block);
    reconciler.start();
    await turn();
    const other = new FakeKernel(kernel.namespace);
    const [route] = other.routes(4, 254).filter((entry) => entry.kind === "blackhole");
    if (route !== undefined) must(other, { op: "route.delete", route });
    await turn();
    expect(table(kernel)).toEqual(["blackhole 10.244.1.0/26 proto 12"]);
  });

  it("finds drift it was not told of at the refresh, and after an overflow", async () => {
    for (const notice of ["refresh", "overflow"] as const) {
      const { kernel, clock, reconciler, turn } = setUp();
      want(reconciler, block);
      reconciler.start();
      await turn();
      const other = new FakeKernel(kernel.namespace);
      const [route] = other.routes(4, 254).filter((entry) => entry.kind === "blackhole");
      if (route !== undefined) must(other, { op: "route.delete", route });
      if (notice === "overflow") kernel.overflowMonitors();
      else clock.advance(90_000);
      await turn();
      expect(table(kernel)).toEqual(["blackhole 10.244.1.0/26 proto 12"]);
    }
  });

  it("tries a refused route again later, and takes no other down with it", async () => {
    const { kernel, clock, reconciler, turn } = setUp();
    const mend = kernel.injectFault((operation) =>
      operation.op === "route.replace" && operation.route.destination.equals(block.destination)
        ? { errno: "ENOBUFS", number: 105, message: "no room" }
        : undefined,
    );
    want(reconciler, block, remote);
    reconciler.start();
    await turn();
    expect(table(kernel)).toEqual(["unicast 10.244.2.0/26 proto 12"]);
    expect(reconciler.inspect(block.destination).pending).toContain("ENOBUFS no room");
    mend();
    clock.advance(200);
    await turn();
    expect(table(kernel)).toEqual(["blackhole 10.244.1.0/26 proto 12", "unicast 10.244.2.0/26 proto 12"]);
  });

  it("writes many routes in slices, so that no turn is long, and one change in one write", async () => {
    const { kernel, reconciler, turn } = setUp();
    const many = Array.from(
      { length: 1_000 },
      (_, index): DesiredRoute => ({
        ...block,
        destination: parsePrefix(`10.244.${index >> 2}.${(index & 3) * 64}/26`),
      }),
    );
    want(reconciler, ...many);
    reconciler.start();
    await turn();
    expect(table(kernel)).toHaveLength(1_000);
    const before = kernel.writes;
    const one = many[500];
    if (one !== undefined) reconciler.setDesired(one.destination, undefined);
    await turn();
    expect(kernel.writes - before).toBe(1);
  });
});

describe("next hops that can be reached", () => {
  const near = (kernel: Kernel, text: string, prefixLength = 24) => ({
    linkIndex: index(kernel, "ens33"),
    address: parseAddress(text),
    prefixLength,
    scope: 0,
  });
  const onLink = (kernel: Kernel, protocol = 4): Route => ({
    kind: "unicast",
    destination: parsePrefix("10.9.0.0/24"),
    table: 254,
    protocol,
    scope: 253,
    metric: 0,
    preferredSource: undefined,
    nextHops: [{ via: undefined, linkIndex: index(kernel, "ens33"), weight: 1, onlink: false }],
    mtu: undefined,
  });
  const started = async () => {
    const parts = setUp();
    parts.reconciler.start();
    await parts.turn();
    const reaches = (text: string) => parts.reconciler.reaches(parseScoped(text));
    return { ...parts, reaches };
  };

  it("are those on a subnet of the node, on a link that is up", async () => {
    const { kernel, reaches, turn, told } = await started();
    expect([reaches("192.168.0.82"), reaches("192.168.1.82")]).toEqual([true, false]);
    must(kernel, { op: "address.add", address: near(kernel, "192.168.1.81") });
    await turn();
    expect([reaches("192.168.1.82"), told.reach]).toEqual([true, 1]);
    must(kernel, { op: "address.delete", address: near(kernel, "192.168.1.81") });
    await turn();
    expect([reaches("192.168.1.82"), told.reach]).toEqual([false, 2]);
    must(kernel, { op: "link.set", index: index(kernel, "ens33"), change: { up: false } });
    await turn();
    expect([reaches("192.168.0.82"), told.reach]).toEqual([false, 3]);
  });

  it("are those that somebody's route says are on a link, and routes lead through them", async () => {
    const { kernel, reconciler, reaches, turn, told } = await started();
    want(reconciler, { ...remote, via: parseAddress("10.9.0.7") });
    await turn();
    expect(reconciler.pending()).toHaveLength(1);
    must(kernel, { op: "route.replace", route: onLink(kernel) });
    await turn();
    expect([reaches("10.9.0.7"), told.reach]).toEqual([true, 1]);
    expect(table(kernel)).toEqual(["unicast 10.244.2.0/26 proto 12"]);
    must(kernel, { op: "route.delete", route: onLink(kernel) });
    await turn();
    expect([reaches("10.9.0.7"), told.reach]).toEqual([false, 2]);
  });

  it("are known also if the route was there before, and after notifications were lost", async () => {
    const { kernel, reconciler, turn } = setUp((prepared) =>
      must(prepared, { op: "route.replace", route: onLink(prepared) }),
    );
    reconciler.start();
    await turn();
    expect(reconciler.reaches(parseScoped("10.9.0.7"))).toBe(true);
    must(kernel, { op: "route.delete", route: onLink(kernel) });
    kernel.overflowMonitors();
    await turn();
    expect(reconciler.reaches(parseScoped("10.9.0.7"))).toBe(false);
  });

  it("are not those that go with their link", async () => {
    const { kernel, reaches, turn } = await started();
    must(kernel, { op: "route.replace", route: onLink(kernel) });
    await turn();
    for (const up of [false, true]) {
      must(kernel, { op: "link.set", index: index(kernel, "ens33"), change: { up } });
      await turn();
    }
    expect([reaches("192.168.0.82"), reaches("10.9.0.7")]).toEqual([true, false]);
  });

  it("are not told of anew because of pods", async () => {
    const { kernel, turn, told } = await started();
    makePodLink(kernel, "cali0001");
    await turn();
    expect(told.reach).toBe(0);
  });
});

describe("several ways", () => {
  const peer = parseAddress("fe80::2");
  const several: DesiredRoute = {
    kind: "via",
    destination: parsePrefix("10.244.2.0/26"),
    via: peer,
    device: "eth1",
    onlink: false,
    also: [{ via: peer, device: "eth2", onlink: false }],
    protocol: 12,
    origin,
  };
  const hops = (kernel: Kernel) =>
    [...kernel.routes(4, 254)]
      .filter(({ destination }) => destination.equals(several.destination))
      .flatMap(({ nextHops }) =>
        nextHops.map(({ linkIndex }) => kernel.links().find((link) => link.index === linkIndex)?.name),
      );

  it("are one route of the kernel's, of those that are up; one that is down for good leaves the others", async () => {
    const { kernel, reconciler, turn } = setUp((made) => {
      for (const name of ["eth1", "eth2"]) makePodLink(made, name);
    });
    reconciler.start();
    reconciler.setDesired(several.destination, several);
    await turn();
    expect(hops(kernel)).toEqual(["eth1", "eth2"]);
    must(kernel, { op: "link.set", index: index(kernel, "eth1"), change: { up: false } });
    await turn();
    expect(hops(kernel)).toEqual(["eth2"]);
    must(kernel, { op: "link.set", index: index(kernel, "eth1"), change: { up: true } });
    await turn();
    expect(hops(kernel)).toEqual(["eth1", "eth2"]);
  });

  it("a link-local next hop is reached by the link that is named, and by no other", () => {
    const { reconciler } = setUp((made) => makePodLink(made, "eth1"));
    expect(reconciler.reaches(parseScoped("fe80::2%eth1"))).toBe(true);
    expect(reconciler.reaches(parseScoped("fe80::2%eth2"))).toBe(false);
    expect(reconciler.reaches(parseScoped("fe80::2"))).toBe(false);
  });
});
