import { type Command, Option } from "commander";
import type { WalkOptions } from "../options/walk.ts";
import type { Surroundings } from "../surroundings.ts";
import { valueOption, withDatastoreOptions, withExamples } from "./options.ts";

export function addWalk(program: Command, surroundings: Surroundings): void {
  const command = withDatastoreOptions(program.command("walk"))
    .summary("follow one packet, hop by hop")
    .description(
      "Send one packet from a pod and follow it: every interface of every network on its way is watched, and what was " +
        "seen is told hop by hop, with what each kernel held: routes and why they are there, who answers ARP, tunnels " +
        "with both headers, what changed and what did not, and the answer's way back. Of a packet that does not " +
        "arrive: where it was seen last, and what there is against it. In a lab all of the way is seen; on a node what " +
        "the node sees. The pod asks for its gateway anew, which is all that is changed. Needs root. Exit code 1 if the " +
        "packet or its answer is lost.",
    )
    .argument("<from>", "a pod, also as namespace/pod; in a lab also a node, a router or a host")
    .argument("<to>", "a pod, node, router or host by its name, or an address")
    .option("--name <lab>", "in which lab (default: this node, where an agent runs; else the lab that runs)")
    .addOption(valueOption("--port <number>", "a TCP SYN to this port, instead of an ICMP echo request"))
    .addOption(new Option("--protocol <protocol>", "with --port").choices(["tcp", "udp"]))
    .option("-6, --ipv6", "by IPv6, where both have an address of either family")
    .addOption(valueOption("--size <bytes>", "of the IP packet, which no one may fragment (default: as ping's)"))
    .addOption(valueOption("--wait <seconds>", "how long for an answer").default("1"))
    .addOption(valueOption("-w, --write <directory>", "a capture of each interface for Wireshark, besides"))
    .addOption(new Option("-o, --output <format>", "text or json").choices(["text", "json"]).default("text"))
    .addOption(new Option("--lang <language>", "of the text").choices(["en", "zh"]).default("en"))
    .action(async (from: string, to: string, options: WalkOptions) => {
      const { walk } = await import("../actions/walk.ts");
      await walk(surroundings, from, to, options);
    });
  withExamples(command, [
    ["walk pod1 pod2", "an echo request from pod to pod, and its reply"],
    ["walk pod1 203.0.113.10 --lang zh", "to the outside, told in Chinese"],
    ["walk pod1 pod2 --port 80 -o json", "a connection's first segment, for a program"],
    ["walk pod1 pod2 --size 1500 -w caps", "does this size fit; captures in ./caps"],
  ]);
}
