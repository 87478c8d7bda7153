import { origin } from "@ocicat/kit";
import { Attributes, messagesIn } from "@ocicat/netlink";
import {
  baseChain,
  COUNTER,
  encodeBatch,
  equal,
  interfaceName,
  kernelOwnsTables,
  meta,
  type NftKernel,
  NftReconciler,
  rule,
  table,
} from "@ocicat/nftables";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { canonical, readActual, readCanonical } from "../support/canonical.ts";
import { SystemError } from "../support/libc.ts";
import { Namespace } from "../support/namespace.ts";
import { NfnetlinkSocket, RefusedError } from "../support/nfnetlink.ts";

const why = origin("because of a test");
const REF = { family: "inet", name: "oct-owned" } as const;

function tableWith(...interfaces: readonly string[]) {
  return table({
    ...REF,
    origin: why,
    chains: [
      baseChain({
        name: "input",
        type: "filter",
        hook: "input",
        priority: 0,
        policy: "accept",
        origin: why,
        rules: interfaces.map((name) => rule(why, equal(meta("iifname"), interfaceName(name)), COUNTER)),
      }),
    ],
  });
}

let namespace: Namespace;

beforeEach(() => {
  namespace = new Namespace("own");
});

afterEach(() => {
  namespace[Symbol.dispose]();
});

function reconcilerOn(kernel: NftKernel, ...interfaces: readonly string[]): NftReconciler {
  const reconciler = new NftReconciler(kernel);
  reconciler.setTables([REF], [tableWith(...interfaces)]);
  return reconciler;
}

describe("an owned table", () => {
  it("is the owner's alone: another socket gets EPERM, nft flush ruleset passes it by", () => {
    using owner = new NfnetlinkSocket(namespace);
    using other = new NfnetlinkSocket(namespace);
    reconcilerOn(owner, "eth0").apply();
    expect(() => other.nftCommit(encodeBatch([{ op: "table.delete", table: REF }]).messages)).toThrow(/EPERM/);
    namespace.run("nft", "flush", "ruleset");
    expect(readCanonical(owner, REF)).toEqual([canonical(tableWith("eth0"))]);
  });

  it("says who owns it, in an error that can be acted on", () => {
    using owner = new NfnetlinkSocket(namespace);
    using other = new NfnetlinkSocket(namespace);
    reconcilerOn(owner, "eth0").apply();
    expect(() => reconcilerOn(other, "eth1").apply()).toThrow(
      expect.objectContaining({
        code: "NFT_TABLE_OWNED",
        where: "table inet oct-owned",
        fix: expect.stringContaining("stop the other agent"),
        retryable: true,
      }),
    );
    expect(readCanonical(owner, REF)).toEqual([canonical(tableWith("eth0"))]);
  });

  it("survives its owner, and the next one claims it with everything in it: one message, no rule rewritten", () => {
    const first = new NfnetlinkSocket(namespace);
    reconcilerOn(first, "eth0").apply();
    const [before] = readActual(first, REF);
    first[Symbol.dispose]();

    using next = new NfnetlinkSocket(namespace);
    const [orphan] = readActual(next, REF);
    expect(orphan).toMatchObject({ orphaned: true, owner: undefined, table: { owned: true } });

    expect(reconcilerOn(next, "eth0").apply()).toEqual([
      { op: "table.flags", table: REF, owned: true, dormant: false },
    ]);
    const [after] = readActual(next, REF);
    expect(after).toMatchObject({ orphaned: false, owner: expect.any(Number) });
    expect(after?.ruleStates).toEqual(before?.ruleStates);
    using other = new NfnetlinkSocket(namespace);
    expect(() => other.nftCommit(encodeBatch([{ op: "table.delete", table: REF }]).messages)).toThrow(/EPERM/);
  });

  it("is claimed and mended in one transaction when somebody changed it while it had no owner", () => {
    const first = new NfnetlinkSocket(namespace);
    reconcilerOn(first, "eth0", "eth1").apply();
    first[Symbol.dispose]();
    namespace.load("flush chain inet oct-owned input; add set inet oct-owned foreign { type mark; }");

    using next = new NfnetlinkSocket(namespace);
    reconcilerOn(next, "eth0", "eth1").apply();
    expect(next.commits).toBe(1);
    expect(readCanonical(next, REF)).toEqual([canonical(tableWith("eth0", "eth1"))]);
    expect(readActual(next, REF)[0]?.orphaned).toBe(false);
  });

  it("is claimed while its base chains are added, changed and removed, which the kernel allows in one order only", () => {
    const first = new NfnetlinkSocket(namespace);
    const input = tableWith("eth0").chains;
    const named = (name: string, policy: "accept" | "drop") =>
      baseChain({ name, type: "filter", hook: "forward", priority: 0, policy, origin: why, rules: [] });
    const before = new NftReconciler(first);
    before.setTables(
      [REF],
      [table({ ...REF, origin: why, chains: [...input, named("gone", "accept"), named("kept", "accept")] })],
    );
    before.apply();
    first[Symbol.dispose]();

    using next = new NfnetlinkSocket(namespace);
    const after = table({ ...REF, origin: why, chains: [...input, named("kept", "drop"), named("new", "drop")] });
    const reconciler = new NftReconciler(next);
    reconciler.setTables([REF], [after]);
    reconciler.apply();
    expect(next.commits).toBe(1);
    expect(readCanonical(next, REF)).toEqual([canonical(after)]);
  });

  it("replaces a plain one of the same name in one transaction", () => {
    namespace.load("table inet oct-owned { chain foreign { counter; }; }");
    using kernel = new NfnetlinkSocket(namespace);
    reconcilerOn(kernel, "eth0").apply();
    expect(readCanonical(kernel, REF)).toEqual([canonical(tableWith("eth0"))]);
    expect(readActual(kernel, REF)[0]?.table.owned).toBe(true);
  });
});

/** Refuses the flags as a kernel before 6.9 does. */
function withoutPersistence(kernel: NftKernel): NftKernel {
  const NEWTABLE = 0x0a00;
  const NFTA_TABLE_FLAGS = 2;
  const EOPNOTSUPP = 95;
  return {
    nftCommit(batch) {
      for (const { type, payload } of messagesIn(batch)) {
        const flags = type === NEWTABLE ? new Attributes(payload.subarray(4)).u32be(NFTA_TABLE_FLAGS) : 0;
        if (((flags ?? 0) & 6) !== 0) throw new SystemError("nfnetlink", EOPNOTSUPP);
      }
      kernel.nftCommit(batch);
    },
    nftQuery: (request) => kernel.nftQuery(request),
  };
}

describe("a kernel that knows no such tables", () => {
  it("is asked once, leaves nothing behind, and gets plain tables", () => {
    using socket = new NfnetlinkSocket(namespace);
    const kernel = withoutPersistence(socket);
    expect(kernelOwnsTables(kernel)).toBe(false);
    const reconciler = reconcilerOn(kernel, "eth0");
    reconciler.apply();
    expect(readActual(socket, REF)[0]).toMatchObject({ owner: undefined, orphaned: false, table: { owned: false } });
    expect(namespace.run("nft", "list", "tables")).toBe("table inet oct-owned\n");
    reconciler.resync();
    expect(reconciler.apply()).toEqual([]);
  });

  it("has a table that somebody put to sleep woken, in place", () => {
    using socket = new NfnetlinkSocket(namespace);
    const reconciler = reconcilerOn(withoutPersistence(socket), "eth0");
    reconciler.apply();
    const [before] = readActual(socket, REF);
    namespace.load("table inet oct-owned { flags dormant; }");
    reconciler.resync();
    expect(reconciler.apply()).toEqual([{ op: "table.flags", table: REF, owned: false, dormant: false }]);
    expect(readActual(socket, REF)).toEqual([before]);
  });

  it("is told from this one, which does", () => {
    using socket = new NfnetlinkSocket(namespace);
    expect(kernelOwnsTables(socket)).toBe(true);
    expect(namespace.run("nft", "list", "tables")).toBe("");
  });
});

describe("a kernel that has not this family", () => {
  it("says so by name, and what to do", () => {
    using socket = new NfnetlinkSocket(namespace);
    const NEWTABLE = 0x0a00;
    const kernel: NftKernel = {
      nftCommit(batch) {
        for (const { type, sequence } of messagesIn(batch)) {
          if (type === NEWTABLE) throw new RefusedError([{ sequence, number: 95, message: "" }]);
        }
      },
      nftQuery: (request) => socket.nftQuery(request),
    };
    expect(() => reconcilerOn(kernel, "eth0").apply()).toThrow(
      expect.objectContaining({
        code: "NFT_UNSUPPORTED",
        where: "table inet oct-owned",
        fix: "use a kernel with CONFIG_NF_TABLES_INET",
      }),
    );
  });
});
