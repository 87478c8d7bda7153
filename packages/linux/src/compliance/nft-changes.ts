import { setImmediate as nextTurn } from "node:timers/promises";
import { MessageWriter, NLM_F_CREATE, NLM_F_REQUEST } from "@ocicat/netlink";
import { describe, expect, it } from "vitest";
import type { Kernel } from "../kernel/kernel.ts";
import type { NftChange } from "../kernel/nft-change.ts";
import type { Subject } from "./fixture.ts";

const NEWTABLE = 10 << 8;
const DELTABLE = NEWTABLE | 2;
/** nfgenmsg of the bridge family: the only one that nf_tables of Debian's user-mode kernel knows. */
const BRIDGE = Uint8Array.of(7, 0, 0, 0);

function makeTables(kernel: Kernel, ...names: readonly string[]): void {
  const out = new MessageWriter();
  for (const [index, name] of names.entries()) {
    out
      .begin(NEWTABLE, NLM_F_REQUEST | NLM_F_CREATE, index + 1, BRIDGE)
      .string(1, name)
      .u32be(2, 0);
  }
  kernel.nftCommit(out.finish());
}

function deleteTable(kernel: Kernel, name: string): void {
  kernel.nftCommit(new MessageWriter().begin(DELTABLE, NLM_F_REQUEST, 1, BRIDGE).string(1, name).finish());
}

export function nftChangeCompliance(namespace: () => Subject): void {
  const listen = ({ kernel }: Subject) => {
    const changes: NftChange[] = [];
    const monitor = kernel.nftMonitor((more) => changes.push(...more));
    const until = async (count: number) => {
      while (changes.length < count) await nextTurn();
    };
    return { tables: () => changes.map(({ tables }) => tables), until, close: () => monitor.close() };
  };

  describe("changes of nf_tables", () => {
    it("by others are told, a transaction at a time, with the tables they touch", async () => {
      const subject = namespace();
      const other = subject.another();
      const heard = listen(subject);
      makeTables(other, "one", "two");
      deleteTable(other, "one");
      await heard.until(2);
      expect(heard.tables()).toEqual([["bridge one", "bridge two"], ["bridge one"]]);
    });

    it("of one's own are not", async () => {
      const subject = namespace();
      const other = subject.another();
      const heard = listen(subject);
      makeTables(subject.kernel, "mine");
      makeTables(other, "theirs");
      deleteTable(subject.kernel, "mine");
      makeTables(other, "theirs too");
      await heard.until(2);
      expect(heard.tables()).toEqual([["bridge theirs"], ["bridge theirs too"]]);
    });

    it("are not told after the monitor was closed", async () => {
      const subject = namespace();
      const other = subject.another();
      const [closed, open] = [listen(subject), listen(subject)];
      closed.close();
      makeTables(other, "one");
      await open.until(1);
      expect(closed.tables()).toEqual([]);
    });
  });
}
