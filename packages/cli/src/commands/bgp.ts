import type { Command } from "commander";
import type {
  BgpLogOptions,
  BgpOptions,
  BgpRoutesOptions,
  MrtDumpOptions,
  MrtReadOptions,
  PlanReflectorsOptions,
  SpeakCommandOptions,
} from "../options/bgp.ts";
import type { Surroundings } from "../surroundings.ts";
import { valueOption, withDatastoreOptions, withExamples } from "./options.ts";

const OF = "Of this host's agent; where none runs here, of every node of the lab on this machine. Needs root.";

export function addBgp(program: Command, surroundings: Surroundings): void {
  const bgp = program
    .command("bgp")
    .summary("look at BGP: sessions, paths, why")
    .description("Look at what BGP does: its sessions, the paths it knows, and why each is used or not, told or not.");
  addPeers(bgp, surroundings);
  addRoutes(bgp, surroundings);
  addWhy(bgp, surroundings);
  addLog(bgp, surroundings);
  addPlan(bgp, surroundings);
  addMrt(bgp, surroundings);
  addSpeak(bgp, surroundings);
}

function addPeers(bgp: Command, surroundings: Surroundings): void {
  const peers = ofAgents(bgp.command("peers"))
    .summary("all sessions")
    .description(`The BGP sessions of nodes, with what each has brought, and why one is not up. ${OF}`)
    .action(async (options: BgpOptions) => {
      const { showPeers } = await import("../actions/bgp-peers.ts");
      await showPeers(surroundings, options);
    });
  withExamples(peers, [["bgp peers", "the sessions of this node, or of a lab's nodes"]]);
  const peer = ofAgents(bgp.command("peer"))
    .summary("one session")
    .description(
      `All about one session, by its name, the peer's address, or the name of the node at its other end. ${OF}`,
    )
    .argument("<peer>", "Mesh_192_168_0_82, 192.168.0.82, or a node's name")
    .action(async (name: string, options: BgpOptions) => {
      const { showPeer } = await import("../actions/bgp-peers.ts");
      await showPeer(surroundings, name, options);
    });
  withExamples(peer, [["bgp peer 192.168.0.82 --node node1", "node1's session with a router"]]);
}

function addRoutes(bgp: Command, surroundings: Surroundings): void {
  const routes = ofAgents(bgp.command("routes"))
    .summary("the paths that BGP knows")
    .description(
      "The paths to a network and to what lies in it, or to everything: the best ones, unless told. A path that is not used " +
        `says why. ${OF}`,
    )
    .argument("[prefix]", "network as address/length")
    .option("--received <peer>", "what this peer has told, what was refused too")
    .option("--advertised <peer>", "what this peer is told")
    .option("--best", "the chosen paths; so unless told otherwise")
    .option("--all", "every path")
    .action(async (prefix: string | undefined, options: BgpRoutesOptions) => {
      const { showRoutes } = await import("../actions/bgp-routes.ts");
      await showRoutes(surroundings, prefix, options);
    });
  withExamples(routes, [
    ["bgp routes 10.244.0.0/16 --all", "every path to pods"],
    ["bgp routes --received rack-tor --node node1", "what a router told node1"],
    ["bgp routes --advertised 192.168.0.82", "what a peer is told"],
  ]);
}

function addWhy(bgp: Command, surroundings: Surroundings): void {
  const why = ofAgents(bgp.command("why"))
    .summary("why a path was chosen, and who is told of it")
    .description(
      "Every path to a network, or to the longest one known that holds it, with all its attributes: which was chosen and by " +
        `which step of the decision, what was refused by which rule, and what each peer is told. ${OF}`,
    )
    .argument("<prefix>", "network as address/length, or an address")
    .action(async (prefix: string, options: BgpOptions) => {
      const { explainPath } = await import("../actions/bgp-why.ts");
      await explainPath(surroundings, prefix, options);
    });
  withExamples(why, [["bgp why 10.244.103.64/26", "the paths to a block"]]);
}

function addLog(bgp: Command, surroundings: Surroundings): void {
  const log = ofAgents(bgp.command("log"))
    .summary("what became of sessions")
    .description(`When sessions came up and went down, and why: the last 1,000 changes since the agent started. ${OF}`)
    .option("-f, --follow", "go on with what happens from now on")
    .action(async (options: BgpLogOptions) => {
      const { showLog } = await import("../actions/bgp-log.ts");
      await showLog(surroundings, options);
    });
  withExamples(log, [["bgp log -f", "watch sessions"]]);
}

function addPlan(bgp: Command, surroundings: Surroundings): void {
  const plan = bgp.command("plan").summary("other ways to peer").description("Plan how nodes peer with each other.");
  const reflectors = plan
    .command("reflectors")
    .summary("from the mesh to route reflectors, without losing a route")
    .description(
      "Propose which nodes reflect routes, so that the others need two sessions and not one with every node, and the steps " +
        "there. With --apply they are gone: each is waited for, and if a node does not get its sessions the mesh stays.",
    )
    .addOption(valueOption("--count <n>", "how many nodes reflect; two, or three beyond 200 nodes"))
    .option("--apply", "write it")
    .addOption(valueOption("-o, --output <format>", "ps, for people, or json").default("ps"))
    .action(async (options: PlanReflectorsOptions) => {
      const { planReflection } = await import("../actions/bgp-plan-reflectors.ts");
      await planReflection(surroundings, options);
    });
  withDatastoreOptions(reflectors);
  withExamples(reflectors, [
    ["bgp plan reflectors", "what the move would be"],
    ["bgp plan reflectors --apply", "do it"],
  ]);
}

function addMrt(bgp: Command, surroundings: Surroundings): void {
  const mrt = bgp
    .command("mrt")
    .summary("tables and sessions as MRT files")
    .description("Write the table into an MRT file (RFC 6396, RFC 8050), and read such files, whoever wrote them.");
  const dump = mrt
    .command("dump")
    .summary("write the table")
    .description(
      "Write all paths that may be used, of all peers, as TABLE_DUMP_V2, while BGP goes on. The file is whole or not there. " +
        "Of this host's agent or speaker; where none runs here, of a node of the lab on this machine. Needs root.",
    )
    .argument("<file>", 'name of the file, or "-" for standard output')
    .option("--node <name>", "a node of the lab on this machine")
    .action(async (file: string, options: MrtDumpOptions) => {
      const { dumpMrt } = await import("../actions/bgp-mrt.ts");
      await dumpMrt(surroundings, file, options);
    });
  withExamples(dump, [["bgp mrt dump table.mrt", "all paths, in a file"]]);
  const read = mrt
    .command("read")
    .summary("show what is in a file")
    .description(
      "Show an MRT file, of a table or of sessions, record by record, as bgpdump -m does, or as JSON, an object a line. Files " +
        "made smaller by gzip are read as they are. One that is damaged is shown up to there, and told.",
    )
    .argument("<file>", 'name of the file, or "-" for standard input')
    .addOption(valueOption("-o, --output <format>", "ps, lines with fields between bars, or json").default("ps"))
    .action(async (file: string, options: MrtReadOptions) => {
      const { readMrt } = await import("../actions/bgp-mrt.ts");
      await readMrt(surroundings, file, options);
    });
  withExamples(read, [
    ["bgp mrt read table.mrt", "every path of a table"],
    ["bgp mrt read messages.mrt.gz -o json", "what was said and heard"],
  ]);
}

function addSpeak(bgp: Command, surroundings: Surroundings): void {
  const speak = bgp
    .command("speak")
    .summary("speak BGP by itself: a daemon, or a route reflector")
    .description(
      "Speak BGP in the foreground until SIGTERM, without a node and without a datastore, as a YAML file says: AS number, " +
        "router's identifier, peers (each a BGPPeer's fields), filters (each a BGPFilter's), routes of its own; whether it " +
        "reflects (clusterId), and whether it writes what it learns into the kernel (kernelRoutes). docs/bgp.md has them all.",
    )
    .addOption(valueOption("-c, --config <file>", "the YAML file").makeOptionMandatory())
    .option("--replay <file>", "play an MRT file: its peers say what they said then")
    .option("--replay-speed <factor>", "how much faster than it was; as fast as can be unless told")
    .action(async (options: SpeakCommandOptions) => {
      const { speak: begin } = await import("../actions/bgp-speak.ts");
      await begin(surroundings, options);
    });
  withExamples(speak, [
    ["bgp speak -c reflector.yaml", "run a reflector"],
    ["bgp speak -c router.yaml --replay table.mrt", "with the routes of a file, through its filters"],
  ]);
}

function ofAgents(command: Command): Command {
  return command
    .option("--node <name>", "a node of the lab on this machine")
    .addOption(valueOption("-o, --output <format>", "ps, a table, or json").default("ps"));
}
