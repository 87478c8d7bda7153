import type { Command } from "commander";
import type { IpamDoctorOptions, IpamForecastOptions, IpamWhyOptions } from "../options/ipam-insight.ts";
import type { Surroundings } from "../surroundings.ts";
import { valueOption, withDatastoreOptions, withExamples } from "./options.ts";

/** What calicoctl has not: why an address is whose it is, what contradicts itself and mending it, what will run out. */
export function addIpamInsight(ipam: Command, surroundings: Surroundings): void {
  addWhy(ipam, surroundings);
  addDoctor(ipam, surroundings);
  addForecast(ipam, surroundings);
}

const formatOption = () => valueOption("-o, --output <format>", "ps, for people, or json").default("ps");

function addWhy(ipam: Command, surroundings: Surroundings): void {
  const why = ipam
    .command("why")
    .summary("all that is known of an address")
    .description(
      "Tell the story of an address: its pool, its block and whose that is, who holds it since when and what else that " +
        "holder has, who uses it, what contradicts that; of a free one why it is free and who could give it out.",
    )
    .argument("<address>", "IPv4 or IPv6")
    .addOption(formatOption())
    .action(async (address: string, options: IpamWhyOptions) => {
      const { explainAddress } = await import("../actions/ipam-why.ts");
      await explainAddress(surroundings, address, options);
    });
  withDatastoreOptions(why);
  withExamples(why, [["ipam why 10.244.166.131", "whose it is, and why"]]);
}

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

function addForecast(ipam: Command, surroundings: Surroundings): void {
  const forecast = ipam
    .command("forecast")
    .summary("when each pool will be full")
    .description(
      "Say in how many days each pool is full at the rate at which addresses were given out, and whether it runs out of " +
        "blocks before it runs out of addresses. The store keeps when an address was given, not when others were " +
        "released: what that leaves uncertain is said.",
    )
    .addOption(valueOption("--window <duration>", "the time whose rate counts").default("168h"))
    .addOption(formatOption())
    .action(async (options: IpamForecastOptions) => {
      const { forecastIpam } = await import("../actions/ipam-forecast.ts");
      await forecastIpam(surroundings, options);
    });
  withDatastoreOptions(forecast);
  withExamples(forecast, [["ipam forecast --window 24h", "at the rate of the last day"]]);
}
