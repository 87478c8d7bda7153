import { setImmediate as nextTurn } from "node:timers/promises";
import { type Logger, Scope, silentLogger, TestClock } from "@ocicat/kit";
import type { Kernel } from "@ocicat/linux";
import { KernelError } from "@ocicat/linux";
import { Attributes, messagesIn } from "@ocicat/netlink";
import { NftReconciler } from "@ocicat/nftables";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { RuleReconciler } from "../../src/program/rule-reconciler.ts";
import { Lab } from "../support/lab.ts";

const NEWTABLE = 0x0a00;
const NFTA_TABLE_FLAGS = 2;
const EOPNOTSUPP = 95;

/** Refuses owned tables, as kernels before 6.9 do. */
function withoutOwners(kernel: Kernel): Kernel {
  const refuse = (batch: Uint8Array) => {
    for (const { type, payload } of messagesIn(batch)) {
      const flags = type === NEWTABLE ? new Attributes(payload.subarray(4)).u32be(NFTA_TABLE_FLAGS) : 0;
      if (((flags ?? 0) & 6) !== 0) throw new KernelError({ operation: "committing nftables", number: EOPNOTSUPP });
    }
    kernel.nftCommit(batch);
  };
  return new Proxy(kernel, {
    get(target, name) {
      if (name === "nftCommit") return refuse;
      const member: unknown = Reflect.get(target, name, target);
      return typeof member === "function" ? member.bind(target) : member;
    },
  });
}

describe("tables that others may change", () => {
  let lab: Lab;
  let scope: Scope;
  let warnings: { readonly message: string; readonly fields: unknown }[];

  beforeEach(() => {
    lab = new Lab();
    scope = new Scope("test");
    warnings = [];
  });
  afterEach(async () => {
    await scope.close();
    await lab.close();
  });

  function start(kernel: Kernel): void {
    const logger: Logger = {
      ...silentLogger,
      warning: (message, fields) => void warnings.push({ message, fields }),
    };
    new RuleReconciler({
      kernel,
      nft: new NftReconciler(kernel),
      clock: new TestClock(),
      logger,
      scope,
      interfacePrefix: "cali",
      widerSources: false,
      natOutgoingExclusions: "IPPoolsOnly",
      serviceLoops: "drop",
      hostAddresses: () => new Map(),
      refreshMs: 0,
      defer: setImmediate,
    }).start();
  }

  const list = () => lab.run("host", "nft", "-s", "list", "ruleset");

  async function restored(before: string): Promise<void> {
    while ((await list()) !== before) await nextTurn();
  }

  it("are restored when somebody flushed them, and it is said who", async () => {
    start(withoutOwners(lab.kernel));
    const before = await list();
    expect(before).toContain("table inet ocicat-guard");
    await lab.run("host", "nft", "flush", "ruleset");
    await restored(before);
    await lab.run("host", "nft", "flush", "chain", "inet", "ocicat-guard", "prerouting");
    await restored(before);
    const by = expect.stringMatching(/^nft \(\d+\)$/);
    const told = { message: "somebody changed our nftables, restoring them" };
    expect(warnings).toEqual([
      { ...told, fields: { by, tables: "inet ocicat-guard" } },
      { ...told, fields: { by, tables: "inet ocicat-guard" } },
    ]);
  });

  it("are of no concern while only others' change", async () => {
    start(withoutOwners(lab.kernel));
    const before = await list();
    await lab.run("host", "nft", "add", "table", "inet", "theirs");
    await lab.run("host", "nft", "flush", "chain", "inet", "ocicat-guard", "prerouting");
    await lab.run("host", "nft", "delete", "table", "inet", "theirs");
    await restored(before);
    expect(warnings).toHaveLength(1);
  });
});
