import { Scope, silentLogger } from "@ocicat/kit";
import { FakeKernel, type KernelOperation, type Link } from "@ocicat/linux/kernel";
import { KNOWN_GROUP } from "@ocicat/nftables";
import { beforeEach, describe, expect, it } from "vitest";
import { KnownLinks } from "../../src/program/known-links.ts";

let kernel: FakeKernel;
let known: Set<string>;
let links: KnownLinks;

beforeEach(() => {
  kernel = new FakeKernel();
  known = new Set();
  links = new KnownLinks({
    kernel,
    logger: silentLogger,
    scope: new Scope("test"),
    knows: (name) => known.has(name),
  });
});

function must(operation: KernelOperation): void {
  expect(kernel.apply([operation])).toEqual([undefined]);
}

function link(name: string): Link {
  const found = kernel.link(name);
  if (found === undefined) throw new Error(`there is no link ${name}`);
  return found;
}

function veth(name: string): Link {
  must({ op: "link.veth", veth: { name, peer: { name: `${name}p` } } });
  return link(name);
}

function set(name: string, change: { readonly group?: number; readonly name?: string }): void {
  must({ op: "link.set", index: link(name).index, change });
}

/** Lets the kernel's notifications come. */
async function told(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
}

const inGroup = (name: string) => link(name).group === KNOWN_GROUP;

describe("at the start", () => {
  it("known interfaces join, those that nobody knows any more leave, and nobody else's group is touched", () => {
    for (const name of ["cali1", "cali2", "cali3"]) veth(name);
    set("cali2", { group: KNOWN_GROUP });
    set("cali3", { group: 7 });
    known = new Set(["cali1", "cali3"]);
    links.start();
    expect(["cali1", "cali2", "cali3"].map((name) => link(name).group)).toEqual([KNOWN_GROUP, 0, 7]);
  });
});

describe("afterwards", () => {
  beforeEach(() => {
    known.add("cali1");
    links.start();
  });

  it("a known interface joins when it is made, and again when somebody takes it out", async () => {
    veth("cali1");
    await told();
    expect(inGroup("cali1")).toBe(true);
    set("cali1", { group: 0 });
    await told();
    expect(inGroup("cali1")).toBe(true);
  });

  it("an interface leaves when its endpoint does", async () => {
    veth("cali1");
    await told();
    known.delete("cali1");
    links.leave("cali1");
    expect(inGroup("cali1")).toBe(false);
    await told();
    expect(inGroup("cali1")).toBe(false);
  });

  it("one that is renamed is nobody's, and leaves", async () => {
    veth("cali1");
    await told();
    set("cali1", { name: "cali9" });
    await told();
    expect(inGroup("cali9")).toBe(false);
  });

  it("one that somebody puts there leaves", async () => {
    veth("cali2");
    set("cali2", { group: KNOWN_GROUP });
    await told();
    expect(inGroup("cali2")).toBe(false);
  });

  it("one that is being deleted does not join again, and its deletion's group is left alone", async () => {
    const going = veth("cali1");
    await told();
    links.leaveForGood(going);
    expect(inGroup("cali1")).toBe(false);
    await told();
    expect(inGroup("cali1")).toBe(false);
    set("cali1", { group: 0x0ca1_0000 });
    links.leave("cali1");
    await told();
    expect(link("cali1").group).toBe(0x0ca1_0000);
  });

  it("a pod made again under the same name joins, though its last interface was deleted", async () => {
    const going = veth("cali1");
    await told();
    links.leaveForGood(going);
    await kernel.deleteLink(going.index);
    veth("cali1");
    await told();
    expect(inGroup("cali1")).toBe(true);
  });
});
