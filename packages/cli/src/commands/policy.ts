import type { Command } from "commander";
import type {
  PolicyDiffOptions,
  PolicyImpactOptions,
  PolicyLintOptions,
  PolicyShowOptions,
  PolicyVerifyOptions,
  PolicyWhyOptions,
} from "../options/policy.ts";
import type { Surroundings } from "../surroundings.ts";
import { valueOption, withDatastoreOptions, withExamples } from "./options.ts";

export function addPolicy(program: Command, surroundings: Surroundings): void {
  const policy = program
    .command("policy")
    .summary("what policies do, and would do")
    .description(
      "Look at policies: who may send what to whom and why, what would change, what is wrong with them, and whether the " +
        "kernel does what they say.",
    );
  for (const add of [addWhy, addShow, addDiff, addImpact, addLint, addVerify]) add(policy, surroundings);
}

export const outputOption = () => valueOption("-o, --output <format>", "ps, for people, json or yaml").default("ps");

/** Which packet is meant. */
export function withPacketOptions(command: Command): Command {
  return command
    .addOption(valueOption("--port <number>", "to this port"))
    .addOption(
      valueOption(
        "--proto <protocol>",
        "tcp, udp, sctp, icmp or a number (default: tcp with a port, else an echo request)",
      ),
    )
    .addOption(valueOption("--protocol <protocol>", "the same as --proto").hideHelp())
    .addOption(valueOption("--source-port <number>", "from this port (default: 40000)"))
    .option("-6, --ipv6", "by IPv6, where both have an address of either family");
}

function addWhy(policy: Command, surroundings: Surroundings): void {
  const why = withPacketOptions(policy.command("why"))
    .summary("whether a packet passes, and what decides")
    .description(
      "Say whether the first packet of a connection passes the policies of both ends, and tell each step: endpoint, tier, " +
        "policy, rule, and what ended it where no rule did. Everything is taken from the datastore; with -f as if the " +
        "file were applied, and the lines of its rules are named. With --live the packet is sent besides, and the counters of the " +
        "rules that decided are read before and after; that needs root.\n\n" +
        "Exit code: 0 it passes, 1 it is denied, 2 it could not be answered. With --live it is the packet's.",
    )
    .argument("<from>", "a pod, also as namespace/pod; a workload endpoint, a node, a host endpoint, an address")
    .argument("<to>", "the same")
    .addOption(valueOption("-f, --filename <file>", "as if this were applied: policies, tiers, profiles, network sets"))
    .option("--live", "send the packet, and read the counters of the rules that decide")
    .option("--name <lab>", "in which lab (default: this node, where an agent runs; else the lab that runs)")
    .addOption(outputOption())
    .action(async (from: string, to: string, options: PolicyWhyOptions) => {
      const { explainPolicy } = await import("../actions/policy-why.ts");
      await explainPolicy(surroundings, from, to, options);
    });
  withDatastoreOptions(why);
  withExamples(why, [
    ["policy why web-1 db-0 --port 5432", "may web-1 connect to db-0"],
    ["policy why prod/web-1 203.0.113.10", "may it ping an address outside"],
    ["policy why web-1 db-0 --port 5432 -f new.yaml", "would it, were new.yaml applied"],
  ]);
}

function addShow(policy: Command, surroundings: Surroundings): void {
  const show = policy
    .command("show")
    .summary("what applies to an endpoint, in order")
    .description(
      "Show what decides about an endpoint's packets, both ways, in the order in which it is asked: tiers, policies, rules, " +
        "profiles, with whom the rules' selectors choose. With --live also how many packets each rule has decided, as the " +
        "kernel of the endpoint's node counts them; needs root.",
    )
    .argument("<endpoint>", "a pod, also as namespace/pod; a workload endpoint, a host endpoint, a node, an address")
    .addOption(valueOption("-f, --filename <file>", "as if this were applied"))
    .option("--live", "with each rule's counter")
    .addOption(outputOption())
    .action(async (endpoint: string, options: PolicyShowOptions) => {
      const { showApplied } = await import("../actions/policy-show.ts");
      await showApplied(surroundings, endpoint, options);
    });
  withDatastoreOptions(show);
  withExamples(show, [
    ["policy show web-1", "by its pod's name, in the namespace default"],
    ["policy show prod/web-1 --live", "and how many packets each rule has decided"],
  ]);
}

const DIFF_EXIT = "Exit code: 0 nothing changes, 1 something does, 2 it could not be answered.";

function addDiff(policy: Command, surroundings: Surroundings): void {
  const diff = policy
    .command("diff")
    .summary("who could no longer, or could now, reach whom")
    .description(
      "Compare the verdicts of what is stored with those of what would be, were the file applied: between all pairs of " +
        "endpoints, host endpoints and networks outside, for all packets that rules tell apart. Nothing is written. What " +
        `no policy tells apart is told together; what is left out of a large cluster is counted.\n\n${DIFF_EXIT}`,
    )
    .addOption(
      valueOption("-f, --filename <file>", "policies, tiers, profiles, network sets, endpoints; - is standard input"),
    )
    .option("-R, --recursive", "go into directories below the one given with -f")
    .addOption(valueOption("-n, --namespace <namespace>", "of resources that name none"))
    .option("--delete", "as if what the file names were deleted")
    .addOption(outputOption())
    .action(async (options: PolicyDiffOptions) => {
      const { showPolicyDiff } = await import("../actions/policy-diff.ts");
      await showPolicyDiff(surroundings, options);
    });
  withDatastoreOptions(diff);
  withExamples(diff, [
    ["policy diff -f new.yaml", "before applying it"],
    ["policy diff -f old.yaml --delete", "before deleting it"],
  ]);
}

function addImpact(policy: Command, surroundings: Surroundings): void {
  const impact = policy
    .command("impact")
    .summary("what enforcing staged policies would change")
    .description(
      "Compare the verdicts of what is stored with those of what would be, were staged policies enforced: each put there, " +
        `over the one of its name, or that one taken away. As policy diff tells it.\n\n${DIFF_EXIT}`,
    )
    .argument("[name]", "one of them, also as namespace/name (default: all)")
    .option("--staged", "of staged policies, which is meant also without")
    .addOption(valueOption("-n, --namespace <namespace>", "of the one named"))
    .addOption(outputOption())
    .action(async (name: string | undefined, options: PolicyImpactOptions) => {
      const { showStagedImpact } = await import("../actions/policy-diff.ts");
      await showStagedImpact(surroundings, name, options);
    });
  withDatastoreOptions(impact);
  withExamples(impact, [
    ["policy impact --staged", "of all staged policies together"],
    ["policy impact --staged prod/deny-all", "of one of them"],
  ]);
}

function addLint(policy: Command, surroundings: Surroundings): void {
  const lint = policy
    .command("lint")
    .summary("what in policies is hardly meant as it is")
    .description(
      "Look for what is not enforced as written, for rules that never match or that another stands before, for selectors " +
        "that choose nobody, for what opens or closes more than it seems to. Each finding says what, where, what comes of it " +
        "and how to mend it. Of all that is stored; with -f of what the file holds, were it applied.\n\n" +
        "Exit code: 0 nothing but hints, 1 something was found, 2 it could not look.",
    )
    .addOption(valueOption("-f, --filename <file>", "only this, as if it were applied; - is standard input"))
    .option("-R, --recursive", "go into directories below the one given with -f")
    .addOption(valueOption("-n, --namespace <namespace>", "of resources that name none"))
    .addOption(outputOption())
    .action(async (options: PolicyLintOptions) => {
      const { lintPolicies } = await import("../actions/policy-lint.ts");
      await lintPolicies(surroundings, options);
    });
  withDatastoreOptions(lint);
  withExamples(lint, [
    ["policy lint", "of the whole cluster"],
    ["policy lint -f new.yaml", "before applying it"],
  ]);
}

function addVerify(policy: Command, surroundings: Surroundings): void {
  const verify = policy
    .command("verify")
    .summary("whether the kernel does what policies say")
    .description(
      "Read a node's table back from its kernel and prove that it does to every packet what follows from the datastore: all " +
        "interfaces, all addresses, ports and protocols, by what rules tell apart. A difference is told as a packet that " +
        "would be judged wrongly. Looks twice, so that a change under way is none. Of this node; where no agent runs here, " +
        "of every node of the lab. Needs root.\n\n" +
        "Exit code: 0 it does, 1 it does not, 2 it could not look.",
    )
    .argument("[node]", "one of them (default: all in reach)")
    .option("--name <lab>", "in which lab (default: this node, where an agent runs; else the lab that runs)")
    .addOption(outputOption())
    .action(async (node: string | undefined, options: PolicyVerifyOptions) => {
      const { verifyPolicy } = await import("../actions/policy-verify.ts");
      await verifyPolicy(surroundings, node, options);
    });
  withDatastoreOptions(verify);
  withExamples(verify, [
    ["policy verify", "this node, or all nodes of the lab"],
    ["policy verify node1", "a node of the lab"],
  ]);
}
