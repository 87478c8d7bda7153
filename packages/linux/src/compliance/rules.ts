import { parsePrefix } from "@ocicat/net";
import { describe, expect, it } from "vitest";
import type { Rule } from "../kernel/kernel.ts";
import { BIRD, refused, succeed } from "./build.ts";
import type { Subject } from "./fixture.ts";

const plain = { source: undefined, destination: undefined, mark: undefined, markMask: undefined };

export function ruleCompliance(namespace: () => Subject): void {
  describe("rules", () => {
    it("of a new namespace lead to local, main and (IPv4) default", () => {
      const { kernel } = namespace();
      const standard = (family: 4 | 6): Rule[] => [
        { ...plain, family, priority: 0, table: 255, protocol: 2 },
        { ...plain, family, priority: 32766, table: 254, protocol: 2 },
      ];
      expect(kernel.rules(4)).toEqual([
        ...standard(4),
        { ...plain, family: 4, priority: 32767, table: 253, protocol: 2 },
      ]);
      expect(kernel.rules(6)).toEqual(standard(6));
    });

    it("are added, listed by priority and deleted", () => {
      const { kernel } = namespace();
      const mine: Rule[] = [
        { ...plain, family: 4, priority: 100, table: 1000, source: parsePrefix("10.244.0.0/16"), protocol: BIRD },
        { ...plain, family: 4, priority: 50, table: 7, mark: 0x20000, markMask: 0xf0000, protocol: BIRD },
        {
          ...plain,
          family: 4,
          priority: 60,
          table: 7,
          mark: 5,
          destination: parsePrefix("10.0.0.0/8"),
          protocol: BIRD,
        },
        { ...plain, family: 6, priority: 100, table: 100, destination: parsePrefix("2001:db8::/32"), protocol: BIRD },
      ];
      succeed(kernel, ...mine.map((rule) => ({ op: "rule.add", rule }) as const));
      const listed = () =>
        ([4, 6] as const).flatMap((family) => kernel.rules(family).filter((rule) => rule.protocol === BIRD));
      expect(listed()).toEqual([mine[1], mine[2], mine[0], mine[3]]);
      succeed(kernel, ...mine.map((rule) => ({ op: "rule.delete", rule }) as const));
      expect(listed()).toEqual([]);
    });

    it("leave out what fits anything: such a one is found to be there already, and deletes a narrower one", () => {
      const { kernel } = namespace();
      const narrow: Rule = {
        ...plain,
        family: 4,
        priority: 100,
        table: 7,
        source: parsePrefix("10.0.0.0/8"),
        protocol: BIRD,
      };
      const wide: Rule = { ...narrow, source: undefined };
      succeed(kernel, { op: "rule.add", rule: narrow });
      expect(refused(kernel, { op: "rule.add", rule: wide }).errno).toBe("EEXIST");
      succeed(kernel, { op: "rule.delete", rule: wide });
      expect(kernel.rules(4).filter((rule) => rule.protocol === BIRD)).toEqual([]);
    });

    it("twice is EEXIST, none is ENOENT", () => {
      const { kernel } = namespace();
      const rule: Rule = { ...plain, family: 4, priority: 100, table: 1000, protocol: BIRD };
      succeed(kernel, { op: "rule.add", rule });
      expect(refused(kernel, { op: "rule.add", rule }).errno).toBe("EEXIST");
      succeed(kernel, { op: "rule.delete", rule });
      expect(refused(kernel, { op: "rule.delete", rule }).errno).toBe("ENOENT");
    });
  });
}
