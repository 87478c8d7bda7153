import type { Scenario } from "@ocicat/lab";
import { type Command, Option } from "commander";
import type { AddNodeOptions, CaptureOptions, LabOptions, RunOptions, UpOptions } from "../options/lab.ts";
import type { Surroundings } from "../surroundings.ts";
import { valueOption, withExamples } from "./options.ts";

const SCENARIOS: readonly Scenario[] = ["ipip", "bgp", "same-node", "vxlan", "crosssubnet", "tunnel-by-hand"];

const load = () => import("../actions/lab.ts");

export function addLab(program: Command, surroundings: Surroundings): void {
  const lab = program
    .command("lab")
    .summary("a whole network on this machine")
    .description(
      "A whole network on this machine: nodes, links and pods in namespaces, with the agents, the datastore and the CNI " +
        "plugin that real nodes run. Needs root. While a lab runs, the other commands work on it.",
    );
  for (const add of [addUp, addDown, addStatus, addList, addRun, addRemove, addExec, addCapture, addNodes])
    add(lab, surroundings);
}

function named(command: Command): Command {
  return command.option("--name <lab>", "which lab, where several run (default: the one that runs, or ocicat)");
}

function addUp(lab: Command, surroundings: Surroundings): void {
  const command = named(lab.command("up"))
    .summary("bring a lab up")
    .description(
      "Bring a lab up and wait until its nodes know each other's routes; nothing is done if it is up. Without -f and " +
        "--scenario it has three nodes on one segment, a gateway, a host outside and four pods. Takes some seconds; each " +
        "step is told. With --in-uml it is in a machine of its own, whose kernel has what this one's may lack (IPIP); all " +
        "commands reach it as they would any lab. With --kubernetes it is a Kubernetes cluster: a control plane, and two nodes " +
        "with containerd and kubelet, on which Ocicat is installed by its own manifest.",
    )
    .addOption(valueOption("-f, --filename <file>", "topology (YAML): segments, routers, hosts, nodes, pools, pods"))
    .addOption(
      new Option("--scenario <name>", "one of the walk-throughs' networks").choices(SCENARIOS).conflicts("filename"),
    )
    .addOption(
      new Option("--kubernetes", "a Kubernetes cluster with Ocicat in it").conflicts(["filename", "scenario", "inUml"]),
    )
    .option("--in-uml", "in user-mode Linux: a kernel as a process")
    .action(async (options: UpOptions) => (await load()).up(surroundings, options));
  withExamples(command, [
    ["lab up", "the network of the README"],
    ["lab up --scenario ipip --in-uml", "IPIP, where this machine's kernel has none"],
    ["lab up --kubernetes", "a cluster; then: kubectl get pods -A"],
    ["lab up -f two-racks.yaml", "one of your own"],
  ]);
}

function addDown(lab: Command, surroundings: Surroundings): void {
  const command = named(lab.command("down"))
    .summary("take a lab away")
    .description(
      "Take a lab away: no process, namespace, interface, mount or file of it stays, also of a half-made one.",
    )
    .action(async (options: LabOptions) => (await load()).down(surroundings, options));
  withExamples(command, [["lab down", "the lab that runs"]]);
}

function addStatus(lab: Command, surroundings: Surroundings): void {
  const command = named(lab.command("status"))
    .summary("is it up, and is each part well")
    .description("What runs of the lab, and what each part says of itself. Exit code 1 if something is not well.")
    .action(async (options: LabOptions) => (await load()).status(surroundings, options));
  withExamples(command, [["lab status && ocicat get nodes", "only if all is well"]]);
}

function addList(lab: Command, surroundings: Surroundings): void {
  const command = named(lab.command("list"))
    .summary("its nodes, routers, hosts and pods")
    .description("The lab's nodes, routers, hosts and pods, each with where it is and its addresses.")
    .action(async (options: LabOptions) => (await load()).list(surroundings, options));
  withExamples(command, [["lab list", "what exec takes for a place"]]);
}

function addRun(lab: Command, surroundings: Surroundings): void {
  const command = named(lab.command("run"))
    .summary("run a pod")
    .description("Run a pod: a namespace, and the CNI plugins executed as a container runtime does.")
    .argument("<pod>", "its name")
    .option("--node <name>", "where (default: the node with the fewest pods)")
    .addOption(valueOption("-n, --namespace <namespace>", "its Kubernetes namespace").default("default"))
    .option("--port <pair...>", "a port of its node to send to it: 8080:80, 5353:53/udp")
    .option("--labels <pair...>", "labels of its endpoint, for policies to select by: app=web")
    .action(async (pod: string, options: RunOptions) => (await load()).runPod(surroundings, pod, options));
  withExamples(command, [
    ["lab run web --node node2", "a pod on a certain node"],
    ["lab run web --port 8080:80", "its port 80, at port 8080 of its node"],
    ["lab run web --labels app=web,tier=front", "with labels, for policies"],
  ]);
}

function addRemove(lab: Command, surroundings: Surroundings): void {
  const command = named(lab.command("rm"))
    .summary("remove a pod")
    .description("Remove a pod: the CNI plugins' DEL, then its namespace.")
    .argument("<pod>", "its name")
    .action(async (pod: string, options: LabOptions) => (await load()).removePod(surroundings, pod, options));
  withExamples(command, [["lab rm web", "a pod by name"]]);
}

function addExec(lab: Command, surroundings: Surroundings): void {
  const command = named(lab.command("exec"))
    .summary("run a command inside")
    .description(
      "Run a command inside a node, router, host or pod, with this terminal. The exit code is the command's; 127 if there " +
        "is no such program.",
    )
    .argument("<where>", "node, router, host or pod")
    .argument("<command...>", "the command, after --")
    .passThroughOptions()
    .action(async (where: string, line: [string, ...string[]], options: LabOptions) =>
      (await load()).exec(surroundings, where, withoutDashes(line), options),
    );
  withExamples(command, [
    ["lab exec node1 -- ip route", "a node's routes"],
    ["lab exec pod1 -- ping -c 1 10.244.104.0", "from a pod to another"],
  ]);
}

function addCapture(lab: Command, surroundings: Surroundings): void {
  const command = named(lab.command("capture"))
    .summary("see what passes an interface")
    .description(
      "See what passes an interface of a node, pod, router, host or segment: a line for each packet, with what a tunnel " +
        "carries behind a |, until Ctrl-C. At the end it says how many there were, and how many were dropped because " +
        "they were not read fast enough.",
    )
    .argument("<where>", "node, pod, router, host or segment")
    .argument("<interface>", "its name, or any")
    .addOption(valueOption("-w, --write <file>", "write them to a file for Wireshark instead; - is standard output"))
    .addOption(valueOption("-c, --count <number>", "end after so many packets"))
    .action(async (where: string, iface: string, options: CaptureOptions) => {
      const { capture } = await import("../actions/lab-capture.ts");
      await capture(surroundings, where, iface, options);
    });
  withExamples(command, [
    ["lab capture node1 ens33", "what node1 sends and receives"],
    ["lab capture pod1 any -c 10 -w pod1.pcap", "ten packets of a pod, for Wireshark"],
    ["lab capture node2 tunl0 -w - | tshark -r -", "read by another program"],
  ]);
}

/** `--` says that what follows is the other program's; passed through, it is still there. */
function withoutDashes(line: [string, ...string[]]): [string, ...string[]] {
  const [first, second, ...rest] = line;
  return first === "--" && second !== undefined ? [second, ...rest] : line;
}

function addNodes(lab: Command, surroundings: Surroundings): void {
  const node = lab
    .command("node")
    .summary("add and remove nodes")
    .description("Add a node to a running lab, or take one away.");
  const add = named(node.command("add"))
    .summary("add a node")
    .description("Add a node to a running lab; it joins the mesh by itself.")
    .argument("<node>", "its name")
    .requiredOption("--address <address/length>", "its address on the segment")
    .option("--segment <segment>", "the segment (default: that of the node with the datastore)")
    .option("--gateway <address>", "its default route (default: that of the node with the datastore)")
    .option("--address6 <address/length>", "its IPv6 address, for a dual-stack node")
    .option("--gateway6 <address>", "its IPv6 default route (default: that of the node with the datastore)")
    .action(async (name: string, options: AddNodeOptions) => (await load()).addNode(surroundings, name, options));
  withExamples(add, [["lab node add node3 --address 192.168.0.83/24", "a fourth node on the segment"]]);
  const remove = named(node.command("rm"))
    .summary("take a node away")
    .description("Take a node away with its pods: its agent ends, and what it had in the datastore is deleted.")
    .argument("<node>", "its name")
    .action(async (name: string, options: LabOptions) => (await load()).removeNode(surroundings, name, options));
  withExamples(remove, [["lab node rm node3", "a node by name"]]);
}
