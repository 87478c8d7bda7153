import { describe, expect, it } from "vitest";
import type { Kernel } from "../kernel/kernel.ts";
import type { TokenBucket } from "../kernel/traffic.ts";
import { linkNamed, plug, refused, succeed } from "./build.ts";
import type { Subject } from "./fixture.ts";

/** 10 Mbit/s and 32 KiB at once: its times are whole ticks. */
const BUCKET: TokenBucket = { rate: 1_250_000, burst: 32_768, limit: 64_000, peak: undefined };
const PEAKED: TokenBucket = { ...BUCKET, peak: { rate: 2_500_000, burst: 2_000 } };
const MAJOR = 0xca11;

export function trafficCompliance(namespace: () => Subject): void {
  const plugged = (): { readonly kernel: Kernel; readonly linkIndex: number; readonly ifb: number } => {
    const { kernel } = namespace();
    const { link } = plug({ kernel, fd: -1 }, "oct0", []);
    succeed(kernel, { op: "link.ifb", name: "octifb", mtu: 1440 });
    return { kernel, linkIndex: link.index, ifb: linkNamed(kernel, "octifb").index };
  };

  describe("traffic", () => {
    it("has nothing on links that nobody has set anything on; an ifb is up at once", () => {
      const { kernel, linkIndex } = plugged();
      expect(kernel.qdiscs()).toEqual([]);
      expect(kernel.ingressFilters(linkIndex)).toEqual([]);
      expect(kernel.ingressFilters(9999)).toEqual([]);
      expect(linkNamed(kernel, "octifb")).toMatchObject({ kind: "ifb", mtu: 1440, up: true });
      expect(refused(kernel, { op: "link.ifb", name: "octifb" }).errno).toBe("EEXIST");
    });

    it("of a link is limited, otherwise limited, and no longer", () => {
      const { kernel, linkIndex } = plugged();
      succeed(kernel, { op: "qdisc.tbf", linkIndex, major: MAJOR, bucket: BUCKET });
      expect(kernel.qdiscs()).toEqual([{ linkIndex, kind: "tbf", major: MAJOR, root: true, bucket: BUCKET }]);
      succeed(kernel, { op: "qdisc.tbf", linkIndex, major: MAJOR, bucket: PEAKED });
      expect(kernel.qdiscs().map(({ bucket }) => bucket)).toEqual([PEAKED]);
      succeed(kernel, { op: "qdisc.tbf", linkIndex, major: 1, bucket: BUCKET });
      expect(kernel.qdiscs()).toEqual([{ linkIndex, kind: "tbf", major: 1, root: true, bucket: BUCKET }]);
      succeed(kernel, { op: "qdisc.delete", linkIndex, which: "root" });
      expect(kernel.qdiscs()).toEqual([]);
      expect(refused(kernel, { op: "qdisc.delete", linkIndex, which: "root" }).errno).toBe("ENOENT");
    });

    it("faster than 32 bits can say is read back as it was written, to the tick", () => {
      const { kernel, linkIndex } = plugged();
      const fast: TokenBucket = { rate: 12_500_000_000, burst: 4_000_000, limit: 100_000_000, peak: undefined };
      succeed(kernel, { op: "qdisc.tbf", linkIndex, major: MAJOR, bucket: fast });
      const bucket = kernel.qdiscs()[0]?.bucket;
      expect(bucket).toMatchObject({ rate: fast.rate, limit: fast.limit });
      expect(Math.abs((bucket?.burst ?? 0) - fast.burst)).toBeLessThan(fast.rate * 128e-9 + 1);
    });

    it("that comes in is redirected to another link, by a filter of its own priority", () => {
      const { kernel, linkIndex, ifb } = plugged();
      succeed(
        kernel,
        { op: "qdisc.ingress", linkIndex },
        { op: "filter.redirect", linkIndex, priority: 7, to: ifb },
        { op: "filter.redirect", linkIndex, priority: 3, to: ifb },
      );
      expect(kernel.qdiscs()).toEqual([{ linkIndex, kind: "ingress", major: 0xffff, root: true, bucket: undefined }]);
      const filter = (priority: number) => ({ linkIndex, kind: "u32", priority, to: ifb });
      expect(kernel.ingressFilters(linkIndex)).toEqual([filter(3), filter(7)]);
      succeed(kernel, { op: "filter.delete", linkIndex, priority: 3 });
      expect(kernel.ingressFilters(linkIndex)).toEqual([filter(7)]);
      succeed(kernel, { op: "qdisc.delete", linkIndex, which: "ingress" });
      expect(kernel.ingressFilters(linkIndex)).toEqual([]);
      expect(kernel.qdiscs()).toEqual([]);
    });

    it("both ways are independent: deleting one leaves the other", () => {
      const { kernel, linkIndex } = plugged();
      succeed(kernel, { op: "qdisc.ingress", linkIndex }, { op: "qdisc.tbf", linkIndex, major: MAJOR, bucket: BUCKET });
      expect(kernel.qdiscs().map(({ kind }) => kind)).toEqual(["tbf", "ingress"]);
      succeed(kernel, { op: "qdisc.delete", linkIndex, which: "root" });
      expect(kernel.qdiscs().map(({ kind }) => kind)).toEqual(["ingress"]);
      succeed(kernel, { op: "qdisc.tbf", linkIndex, major: MAJOR, bucket: BUCKET });
      succeed(kernel, { op: "qdisc.delete", linkIndex, which: "ingress" });
      expect(kernel.qdiscs().map(({ kind }) => kind)).toEqual(["tbf"]);
    });

    it("is still redirected when the other link has gone, to nowhere", () => {
      const { kernel, linkIndex, ifb } = plugged();
      succeed(
        kernel,
        { op: "qdisc.ingress", linkIndex },
        { op: "filter.redirect", linkIndex, priority: 1, to: ifb },
        { op: "link.delete", index: ifb },
      );
      expect(kernel.ingressFilters(linkIndex)).toEqual([{ linkIndex, kind: "u32", priority: 1, to: 0 }]);
    });

    it("leaves with its link", () => {
      const { kernel, linkIndex, ifb } = plugged();
      succeed(
        kernel,
        { op: "qdisc.ingress", linkIndex },
        { op: "filter.redirect", linkIndex, priority: 1, to: ifb },
        { op: "qdisc.tbf", linkIndex, major: MAJOR, bucket: BUCKET },
        { op: "link.delete", index: linkIndex },
      );
      expect(kernel.qdiscs()).toEqual([]);
    });

    it("is refused where there is no link, no ingress, one already, or no such number", () => {
      const { kernel, linkIndex, ifb } = plugged();
      const tbf = { op: "qdisc.tbf", linkIndex, major: MAJOR, bucket: BUCKET } as const;
      expect(refused(kernel, { ...tbf, linkIndex: 9999 }).errno).toBe("ENODEV");
      expect(refused(kernel, { op: "qdisc.ingress", linkIndex: 9999 }).errno).toBe("ENODEV");
      expect(refused(kernel, { op: "qdisc.delete", linkIndex, which: "ingress" }).errno).toBe("ENOENT");
      expect(refused(kernel, { op: "filter.redirect", linkIndex, priority: 1, to: ifb }).errno).toBe("EINVAL");
      succeed(kernel, { op: "qdisc.ingress", linkIndex });
      expect(refused(kernel, { op: "qdisc.ingress", linkIndex }).errno).toBe("EEXIST");
      expect(refused(kernel, { op: "filter.redirect", linkIndex, priority: 1, to: 9999 }).errno).toBe("ENODEV");
      expect(refused(kernel, { op: "filter.delete", linkIndex, priority: 1 }).errno).toBe("ENOENT");
      succeed(kernel, { op: "filter.redirect", linkIndex, priority: 1, to: ifb });
      expect(refused(kernel, { op: "filter.redirect", linkIndex, priority: 1, to: ifb }).errno).toBe("ENOSPC");
      const wrong: Partial<TokenBucket>[] = [
        { rate: 0 },
        { burst: 0 },
        { burst: 275 * BUCKET.rate },
        { limit: -1 },
        { peak: { rate: BUCKET.rate, burst: 2_000 } },
      ];
      for (const change of wrong) {
        expect(refused(kernel, { ...tbf, bucket: { ...BUCKET, ...change } }).errno).toBe("EINVAL");
      }
      expect(kernel.qdiscs().map(({ kind }) => kind)).toEqual(["ingress"]);
    });
  });
}
