import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { allSwitches, MODES, type Mode, ModeLab } from "./modes.ts";

interface Plan {
  readonly changes: readonly unknown[];
  readonly steps: readonly { readonly nodes: readonly string[]; readonly does: string }[];
  readonly routes: readonly {
    readonly between: string;
    readonly pairs: number;
    readonly from: string;
    readonly before: string;
    readonly after: string;
  }[];
  readonly objections: readonly { readonly code: string }[];
}

const POOL = "default-ipv4-ippool";

/** What `pool plan` promises of each switch between these modes, and what the kernels then hold. */
export function planFacts(modes: readonly Mode[]): void {
  const switches = allSwitches(modes);
  const first = switches[0] ?? "never";

  describe("what pool plan promises", () => {
    const lab = new ModeLab(first);
    beforeAll(async () => {
      await lab.up();
      await lab.settled(first);
    });
    afterAll(async () => {
      expect(await lab.down()).toEqual([]);
    });

    const planned = (to: Mode): { readonly plan: Plan; readonly code: number } => {
      const { ipip, vxlan } = MODES[to];
      const { code, stdout } = lab.ocicat("pool", "plan", POOL, "--ipip", ipip, "--vxlan", vxlan, "-o", "json");
      return { code, plan: JSON.parse(stdout) as Plan };
    };

    /** Promised routes that the node they are of does not hold; a promise of none is kept by there being none. */
    const broken = async (plan: Plan, when: "before" | "after"): Promise<string[]> => {
      const checks = plan.routes.map(async (promise) => {
        const lines = (await lab.out(promise.from, "ip", "route")).split("\n").map((line) => line.trim());
        const text = promise[when];
        const [block = ""] = text.replace(/^none for /, "").split(/[ :]/);
        const held = lines.find((line) => line.startsWith(`${block} `));
        return held === (text.startsWith("none") ? undefined : text)
          ? []
          : [`${promise.from}: ${text}; it has ${held}`];
      });
      return (await Promise.all(checks)).flat();
    };

    it.each(switches.slice(1).map((to, index) => [switches[index] ?? to, to] as const))(
      "%s → %s is what is there, before and after",
      async (from, to) => {
        // What the switch before gives up is given back by then: it is what the next addresses follow from.
        await lab.tidied(from);
        const { plan, code } = planned(to);
        expect(plan.routes.map(({ between, pairs }) => [between, pairs])).toEqual([
          ["nodes of one subnet", 2],
          ["nodes of different subnets", 4],
        ]);
        expect(plan.routes.map((promise) => promise.from)).toEqual(["node1", "node1"]);
        // The router between the subnets does not peer.
        expect(plan.objections.map((one) => one.code)).toEqual(to === "never" ? ["NEVER_ACROSS_SUBNETS"] : []);
        expect(code).toBe(to === "never" ? 1 : 0);
        expect(await broken(plan, "before")).toEqual([]);
        lab.apply(to);
        await lab.settled(to);
        expect(await broken(plan, "after")).toEqual([]);
        expect(planned(to).plan).toMatchObject({ changes: [], steps: [] });
      },
    );
  });
}
