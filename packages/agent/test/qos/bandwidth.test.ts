import { Scope, silentLogger, TestClock } from "@ocicat/kit";
import { FakeKernel, type KernelOperation } from "@ocicat/linux/kernel";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ifbName, QOS_MAJOR, QOS_PRIORITY } from "../../src/qos/plan.ts";
import { BandwidthReconciler } from "../../src/qos/reconciler.ts";

const SLOW = { rate: 1_250_000, burst: 32_768, peak: undefined };
const FAST = { rate: 12_500_000, burst: 65_536, peak: { rate: 25_000_000, burst: 0 } };
const NAME = "cali1234";

describe("bandwidth", () => {
  let kernel: FakeKernel;
  let scope: Scope;
  let clock: TestClock;
  let due: (() => void)[];

  beforeEach(() => {
    kernel = new FakeKernel();
    scope = new Scope("test");
    clock = new TestClock();
    due = [];
  });
  afterEach(() => scope.close());

  function make(): BandwidthReconciler {
    const defer = (work: () => void) => void due.push(work);
    const reconciler = new BandwidthReconciler({
      kernel,
      clock,
      logger: silentLogger,
      scope,
      refreshMs: 60_000,
      defer,
    });
    return reconciler;
  }

  function start(): BandwidthReconciler {
    const reconciler = make();
    reconciler.start();
    return reconciler;
  }

  function settle(): void {
    for (const work of due.splice(0)) work();
  }

  function plug(name = NAME): number {
    apply({ op: "link.veth", veth: { name, up: true, mtu: 1400, peer: { name: `${name}p` } } });
    return indexOf(name);
  }

  function apply(...operations: KernelOperation[]): void {
    expect(kernel.apply(operations)).toEqual(operations.map(() => undefined));
  }

  const indexOf = (name: string) => kernel.link(name)?.index ?? -1;
  const rootOf = (name: string) =>
    kernel.qdiscs().find(({ linkIndex, kind }) => linkIndex === indexOf(name) && kind !== "ingress");

  it("to a workload is a bucket on its interface; from it, one on an ifb that it is led through", () => {
    const linkIndex = plug();
    const reconciler = start();
    reconciler.want(NAME, { ingress: SLOW, egress: FAST });
    settle();
    expect(rootOf(NAME)).toMatchObject({ kind: "tbf", major: QOS_MAJOR, bucket: { rate: 1_250_000, burst: 32_768 } });
    const ifb = kernel.link(ifbName(NAME));
    expect(ifb).toMatchObject({ kind: "ifb", mtu: 1400, up: true });
    expect(ifbName(NAME)).toMatch(/^bwcali[0-9a-f]{9}$/);
    expect(rootOf(ifbName(NAME))?.bucket).toEqual({
      rate: 12_500_000,
      burst: 65_536,
      limit: 65_536 + 312_500,
      // A packet has to fit.
      peak: { rate: 25_000_000, burst: 1_414 },
    });
    expect(kernel.ingressFilters(linkIndex)).toEqual([
      { linkIndex, kind: "u32", priority: QOS_PRIORITY, to: ifb?.index },
    ]);
  });

  it("has its bucket before anything is led through it", () => {
    plug();
    start().want(NAME, { ingress: undefined, egress: SLOW });
    settle();
    const order = kernel.written.map(({ op }) => op).filter((op) => op !== "link.veth");
    expect(order).toEqual(["link.ifb", "qdisc.tbf", "qdisc.ingress", "filter.redirect"]);
  });

  it("that is right is not written again: not at a refresh, not by an agent that starts", () => {
    plug();
    const first = start();
    first.want(NAME, { ingress: SLOW, egress: FAST });
    settle();
    const { writes } = kernel;
    clock.advance(60_000);
    settle();
    const second = make();
    second.want(NAME, { ingress: SLOW, egress: FAST });
    second.start();
    expect(kernel.writes).toBe(writes);
  });

  it("changes in place, and goes with nothing left", () => {
    const linkIndex = plug();
    const reconciler = start();
    reconciler.want(NAME, { ingress: SLOW, egress: SLOW });
    settle();
    reconciler.want(NAME, { ingress: FAST, egress: SLOW });
    settle();
    expect(rootOf(NAME)?.bucket?.rate).toBe(FAST.rate);
    reconciler.want(NAME, undefined);
    settle();
    expect(kernel.qdiscs()).toEqual([]);
    expect(kernel.ingressFilters(linkIndex)).toEqual([]);
    expect(kernel.link(ifbName(NAME))).toBeUndefined();
  });

  it("that an earlier agent left and nobody wants any more is taken away at the start", () => {
    plug();
    const first = start();
    first.want(NAME, { ingress: SLOW, egress: SLOW });
    settle();
    start();
    expect(kernel.qdiscs()).toEqual([]);
    expect(kernel.link(ifbName(NAME))).toBeUndefined();
  });

  it("waits for the interface, and leaves with it, ifb and all", async () => {
    const reconciler = start();
    reconciler.want(NAME, { ingress: undefined, egress: SLOW });
    settle();
    expect(kernel.links().map(({ name }) => name)).toEqual(["lo"]);
    const index = plug();
    await Promise.resolve();
    settle();
    expect(kernel.link(ifbName(NAME))).toBeDefined();
    apply({ op: "link.delete", index });
    reconciler.want(NAME, undefined);
    settle();
    expect(kernel.links().map(({ name }) => name)).toEqual(["lo"]);
  });

  it("comes back when somebody takes it away: at once with the ifb, else at the next refresh", async () => {
    plug();
    const reconciler = start();
    reconciler.want(NAME, { ingress: SLOW, egress: SLOW });
    settle();
    apply({ op: "link.delete", index: indexOf(ifbName(NAME)) });
    await Promise.resolve();
    settle();
    expect(kernel.ingressFilters(indexOf(NAME)).map(({ to }) => to)).toEqual([indexOf(ifbName(NAME))]);
    apply({ op: "qdisc.delete", linkIndex: indexOf(NAME), which: "root" });
    clock.advance(60_000);
    settle();
    expect(rootOf(NAME)?.bucket?.rate).toBe(SLOW.rate);
  });

  it("leaves alone what somebody else shapes, and says so", () => {
    const linkIndex = plug();
    const other = plug("cali5678");
    apply({ op: "link.ifb", name: "bwp12" });
    const to = indexOf("bwp12");
    const theirs = { rate: 99_000, burst: 5_000, limit: 9_000, peak: undefined };
    apply(
      { op: "qdisc.tbf", linkIndex, major: 1, bucket: theirs },
      { op: "qdisc.ingress", linkIndex },
      { op: "filter.redirect", linkIndex, priority: 1, to },
      { op: "qdisc.tbf", linkIndex: other, major: 1, bucket: theirs },
    );
    const before = [kernel.qdiscs(), kernel.ingressFilters(linkIndex), kernel.links()];
    const reconciler = start();
    reconciler.want(NAME, { ingress: SLOW, egress: SLOW });
    settle();
    expect([kernel.qdiscs(), kernel.ingressFilters(linkIndex), kernel.links()]).toEqual(before);
    expect([...reconciler.problems]).toHaveLength(1);
    reconciler.want(NAME, undefined);
    settle();
    expect([kernel.qdiscs(), kernel.ingressFilters(linkIndex), kernel.links()]).toEqual(before);
  });

  it("shares an ingress with filters of others that stand behind ours, and leaves it to them", () => {
    const linkIndex = plug();
    apply({ op: "link.ifb", name: "theirs" });
    const to = indexOf("theirs");
    apply({ op: "qdisc.ingress", linkIndex }, { op: "filter.redirect", linkIndex, priority: 0xc000, to });
    const reconciler = start();
    reconciler.want(NAME, { ingress: undefined, egress: SLOW });
    settle();
    expect(kernel.ingressFilters(linkIndex).map(({ priority }) => priority)).toEqual([QOS_PRIORITY, 0xc000]);
    reconciler.want(NAME, undefined);
    settle();
    expect(kernel.ingressFilters(linkIndex).map(({ priority }) => priority)).toEqual([0xc000]);
  });

  it("is tried again when the kernel refuses it", () => {
    plug();
    const mend = kernel.injectFault(({ op }) =>
      op === "qdisc.tbf" ? { errno: "ENOMEM", number: 12, message: "" } : undefined,
    );
    start().want(NAME, { ingress: SLOW, egress: undefined });
    settle();
    expect(rootOf(NAME)).toBeUndefined();
    mend();
    clock.advance(1_000);
    settle();
    expect(rootOf(NAME)?.bucket?.rate).toBe(SLOW.rate);
  });

  it("is not looked for while nobody limits anything", () => {
    plug();
    start();
    const asked = kernel.links.bind(kernel);
    let count = 0;
    kernel.links = () => {
      count += 1;
      return asked();
    };
    plug("cali9");
    settle();
    expect(count).toBe(0);
  });

  it("with a burst beyond what the kernel can hold is kept to what it can", () => {
    plug();
    start().want(NAME, { ingress: { rate: 1_000, burst: 2 ** 29, peak: undefined }, egress: undefined });
    settle();
    expect(rootOf(NAME)?.bucket?.burst).toBe(274_000);
  });
});
