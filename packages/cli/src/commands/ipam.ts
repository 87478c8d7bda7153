import type { Command } from "commander";
import type {
  IpamCheckOptions,
  IpamConfigureOptions,
  IpamReleaseOptions,
  IpamShowOptions,
  IpamSplitOptions,
} from "../options/ipam.ts";
import type { Surroundings } from "../surroundings.ts";
import { addIpamInsight } from "./ipam-insight.ts";
import { valueOption, withDatastoreOptions, withExamples } from "./options.ts";

/** What calicoctl has of this, by the same flags; and what is ours. */
export function addIpam(program: Command, surroundings: Surroundings): void {
  const ipam = program
    .command("ipam")
    .summary("addresses: who has which, what is wrong with them, and mending it")
    .description("Look at the addresses that are given out, and mend what is wrong with them.");
  addShow(ipam, surroundings);
  addCheck(ipam, surroundings);
  addRelease(ipam, surroundings);
  addSplit(ipam, surroundings);
  addConfigure(ipam, surroundings);
  addIpamInsight(ipam, surroundings);
}

function addShow(ipam: Command, surroundings: Surroundings): void {
  const show = ipam
    .command("show")
    .summary("which addresses are in use")
    .description(
      "How many addresses of each pool are in use and free, in numbers and in percent; or one of the views below. From " +
        "100,000 on a number has five digits and an exponent: 1.3107e+05.",
    )
    .option("--show-blocks", "each pool's blocks too")
    .option("--show-reserved", "how many addresses are reserved, and how many rest after their release")
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

function addCheck(ipam: Command, surroundings: Surroundings): void {
  const check = ipam
    .command("check")
    .summary("compare what is given out with what is in use")
    .description(
      "Compare the addresses that are given out with those that endpoints and nodes say they have, and with the " +
        "handles. Addresses that are being given out at this moment can look leaked: lock the datastore first, or " +
        "compare several reports. What is wrong in more ways, and mending it: ipam doctor.\n\n" +
        "Exit code: 0 also where problems were found, as with calicoctl; 1 if something could not be read.",
    )
    .option("--show-all-ips", "each address that is checked")
    .option("--show-problem-ips", "each address with a problem")
    .addOption(valueOption("-o, --output <file>", "writes a report for ipam release --from-report"))
    .addOption(valueOption("--kubeconfig <file>", "accepted for calicoctl's scripts: endpoints are asked").hideHelp())
    .action(async (options: IpamCheckOptions) => {
      const { checkIpam } = await import("../actions/ipam-check.ts");
      await checkIpam(surroundings, options);
    });
  withDatastoreOptions(check);
  withExamples(check, [
    ["ipam check --show-problem-ips", "what is wrong, by address"],
    ["ipam check -o report.json", "a report, to release by"],
  ]);
}

function addRelease(ipam: Command, surroundings: Surroundings): void {
  const release = ipam
    .command("release")
    .summary("give addresses back that nobody uses")
    .description(
      "Give back one address, or all that reports of ipam check call leaked: of several reports what is leaked in every " +
        "one, so that two of them made an hour apart tell a leak from an address that was just being given out. One " +
        "report must be new, and the datastore locked. An address that was given to somebody else since, or that an " +
        "endpoint or node uses, is not released.",
    )
    .option("--ip <address>", "this address")
    .option(
      "--from-report <file>",
      "what this report calls leaked; give it several times for several reports",
      (file: string, files: readonly string[]) => [...files, file],
      [],
    )
    .option("--force", "also while the datastore is not locked, a report is of another version, or the address in use")
    .action(async (options: IpamReleaseOptions) => {
      const { releaseIpam } = await import("../actions/ipam-release.ts");
      await releaseIpam(surroundings, options);
    });
  withDatastoreOptions(release);
  withExamples(release, [
    ["ipam release --ip=10.244.166.131", "one address"],
    ["ipam release --from-report=old.json --from-report=new.json", "what both call leaked"],
  ]);
}

function addSplit(ipam: Command, surroundings: Surroundings): void {
  const split = ipam
    .command("split")
    .summary("make several pools of one")
    .description(
      "Put 2, 4, 8, … pools of equal size in the place of one, in one step. Addresses and blocks stay as they are. The " +
        "datastore must be locked.",
    )
    .argument("<number>", "how many: a power of two")
    .addOption(valueOption("--cidr <cidr>", "the pool, by its CIDR"))
    .addOption(valueOption("--name <name>", "the pool, by its name"))
    .action(async (number: string, options: IpamSplitOptions) => {
      const { splitIpam } = await import("../actions/ipam-split.ts");
      await splitIpam(surroundings, number, options);
    });
  withDatastoreOptions(split);
  withExamples(split, [["ipam split --cidr=10.244.0.0/16 2", "10.244.0.0/17 and 10.244.128.0/17"]]);
}

function addConfigure(ipam: Command, surroundings: Surroundings): void {
  const configure = ipam
    .command("configure")
    .summary("change how addresses are given out in the whole cluster")
    .description("Change the settings that hold for every node. Those not named stay as they are.")
    .option("--strictaffinity <true|false>", "true: a node uses its own blocks only, and borrows from no other's")
    .option("--max-blocks-per-host <number>", "how many blocks a node may have for a family; 0: the standard, 20")
    .option(
      "--ip-cooldown-seconds <seconds>",
      "how long a released address rests before it is given out again, 0 to 1200",
    )
    .option(
      "--kubevirt-ip-persistence <Enabled|Disabled>",
      "whether a virtual machine keeps its address when restarted",
    )
    .action(async (options: IpamConfigureOptions) => {
      const { configureIpam } = await import("../actions/ipam-configure.ts");
      await configureIpam(surroundings, options);
    });
  withDatastoreOptions(configure);
  withExamples(configure, [
    ["ipam configure --strictaffinity=true", "nobody borrows"],
    ["ipam configure --strictaffinity=true --max-blocks-per-host=4", "four blocks a node, and not more"],
    ["ipam configure --ip-cooldown-seconds=60", "an address rests for a minute"],
  ]);
}
