import type { Command } from "commander";
import type { Surroundings } from "../surroundings.ts";
import { type DatastoreOptions, valueOption, withDatastoreOptions, withExamples } from "./options.ts";

export interface IpamDoctorOptions extends DatastoreOptions {
  readonly fix?: boolean;
  readonly grace: string;
  readonly wait: string;
  readonly list?: boolean;
  readonly output: string;
}

/** What calicoctl has not: why an address is whose it is, what contradicts itself and mending it, what will run out. */
export function addIpamInsight(ipam: Command, surroundings: Surroundings): void {
  addDoctor(ipam, surroundings);
}

const formatOption = () => valueOption("-o, --output <format>", "ps, for people, or json").default("ps");

function addDoctor(ipam: Command, surroundings: Surroundings): void {
  const doctor = ipam
    .command("doctor")
    .summary("every contradiction in what is stored of addresses, and mending it")
    .description(
      "Look for everything in which the stored blocks, handles, affinities, endpoints and nodes contradict each other. " +
        "Each finding has a code that stays the same, says what, where and how it may have come about, and what mends " +
        "it. It looks twice, so that what is only under way is no finding. With --fix it mends what needs no " +
        "judgement, each by one compare-and-swap: what changed meanwhile is left alone.\n\n" +
        "Exit code: 0 nothing was found or all of it mended, 1 something is left, 2 it could not look.",
    )
    .option("--fix", "mends what can be mended without a judgement, and says what it did")
    .addOption(
      valueOption(
        "--grace <duration>",
        "an address without an endpoint is leaked if it was given out this long ago",
      ).default("15m"),
    )
    .addOption(valueOption("--wait <duration>", "how long between the two looks").default("1s"))
    .option("--list", "what is looked for, and by which codes it is told")
    .addOption(formatOption())
    .action(async (options: IpamDoctorOptions) => {
      const { runIpamDoctor } = await import("../actions/ipam-doctor.ts");
      await runIpamDoctor(surroundings, options);
    });
  withDatastoreOptions(doctor);
  withExamples(doctor, [
    ["ipam doctor", "what is wrong"],
    ["ipam doctor --fix", "and mend it"],
    ["ipam doctor --list", "what is looked for"],
  ]);
}
