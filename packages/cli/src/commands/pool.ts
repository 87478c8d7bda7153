import type { Command } from "commander";
import type { PoolPlanOptions } from "../options/pool.ts";
import type { Surroundings } from "../surroundings.ts";
import { valueOption, withDatastoreOptions, withExamples } from "./options.ts";

export function addPool(program: Command, surroundings: Surroundings): void {
  const pool = program
    .command("pool")
    .summary("what a change of an IPPool would do")
    .description("Look at IPPools before they are changed.");
  const plan = pool
    .command("plan")
    .summary("what a change would do, on which node, in what order")
    .description(
      "Say beforehand what a change of a pool does: each node's steps in their order, routes before and after, the MTU. " +
        "What cannot work is refused, with the reason. Nothing is written: that is done by apply.",
    )
    .argument("[name]", "the pool; with -f it is named in the file")
    .addOption(valueOption("--vxlan <mode>", "its vxlanMode: Always, CrossSubnet or Never"))
    .addOption(valueOption("--ipip <mode>", "its ipipMode: Always, CrossSubnet or Never"))
    .addOption(valueOption("--nat-outgoing <true|false>", "its natOutgoing"))
    .addOption(valueOption("-f, --filename <file>", "the pool as it would be applied; - is standard input"))
    .addOption(valueOption("-o, --output <format>", "ps, for people, or json").default("ps"))
    .action(async (name: string | undefined, options: PoolPlanOptions) => {
      const { showPoolPlan } = await import("../actions/pool-plan.ts");
      await showPoolPlan(surroundings, name, options);
    });
  withDatastoreOptions(plan);
  withExamples(plan, [
    ["pool plan default-ipv4-ippool --vxlan Always", "what encapsulating all traffic would do"],
    ["pool plan default-ipv4-ippool --ipip Never --vxlan CrossSubnet", "from one tunnel to another"],
    ["pool plan -f ippool.yaml", "what applying the file would do"],
  ]);
}
