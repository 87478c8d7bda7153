import type { Command } from "commander";
import type { Surroundings } from "../surroundings.ts";
import { type DatastoreOptions, withDatastoreOptions, withExamples } from "./options.ts";

export interface IpamShowOptions extends DatastoreOptions {
  readonly ip?: string;
  readonly showBlocks?: boolean;
  readonly showBorrowed?: boolean;
  readonly showConfiguration?: boolean;
}

export function addIpam(program: Command, surroundings: Surroundings): void {
  const ipam = program
    .command("ipam")
    .summary("look at addresses")
    .description("Look at the addresses that are given out.");
  const show = ipam
    .command("show")
    .summary("which addresses are in use")
    .description(
      "How many addresses of each pool are in use and free, in numbers and in percent; or one of the views below. From " +
        "100,000 on a number has five digits and an exponent: 1.3107e+05.",
    )
    .option("--show-blocks", "each pool's blocks too")
    .option("--show-borrowed", "addresses that a node took from another node's block, and for whom")
    .option("--show-configuration", "the settings of the whole cluster")
    .option("--ip <address>", "who holds this address")
    .action(async (options: IpamShowOptions) => {
      const { showIpam } = await import("../actions/ipam-show.ts");
      await showIpam(surroundings, options);
    });
  withDatastoreOptions(show);
  withExamples(show, [
    ["ipam show --show-blocks", "pools and blocks"],
    ["ipam show --ip=10.244.166.131", "whose address it is"],
  ]);
}
