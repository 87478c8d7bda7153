import { setFlagsFromString } from "node:v8";
import type { Command } from "commander";
import type { Surroundings } from "../surroundings.ts";
import { withExamples } from "./options.ts";

/** The variables that a person sets; the rest are for tests and the lab. */
const VARIABLES: readonly (readonly [name: string, meaning: string])[] = [
  ["NODENAME", "the node's name (the host's)"],
  ["DATASTORE_TYPE", "etcdv3 or kubernetes (etcdv3)"],
  ["ETCD_ENDPOINTS", "the datastore (http://127.0.0.1:2379)"],
  ["KUBECONFIG", "how the cluster is reached (as the pod that this runs in)"],
  ["CALICO_API_GROUP", "where the cluster keeps resources, or projectcalico.org/v3 (crd.projectcalico.org/v1)"],
  ["OCICAT_FANOUT_ENDPOINTS", "fan-outs that watch the datastore for many agents (none)"],
  ["IP", "the node's address as address/length, or autodetect (autodetect)"],
  ["OCICAT_BGP_PORT", "TCP port for BGP, over BGPConfiguration's listenPort (179)"],
  ["OCICAT_BGP_DAEMON", "who does BGP: ocicat, or bird, which the agent then looks after (ocicat)"],
  ["OCICAT_BGP_AGGREGATE_BLOCKS", "announce blocks that lie side by side as one (false)"],
  ["OCICAT_SECRETS_DIR", "passwords of BGP sessions, as <secret>/<key> (/etc/ocicat/secrets)"],
  ["FELIX_HEALTHPORT", "TCP port on localhost for /livez, /readyz and /metrics (9099)"],
];

export function addAgent(program: Command, surroundings: Surroundings): void {
  const width = Math.max(...VARIABLES.map(([name]) => name.length));
  const variables = VARIABLES.map(([name, meaning]) => `  ${name.padEnd(width)}  ${meaning}`);
  const command = program
    .command("agent")
    .summary("run this node's agent")
    .description(
      "Run this node's agent in the foreground, until SIGTERM. It logs to standard output, a JSON object a line. Needs " +
        "root. Configured by calico-node's variables.",
    )
    .addHelpText("after", `\nVariables (and what holds where they are not set):\n${variables.join("\n")}`)
    .action(async () => {
      // Young objects have 2 MiB, as at the start, and not up to 32: an agent on each node should be small, and is as fast so.
      setFlagsFromString("--semi-space-growth-factor=1");
      const { runAgent } = await import("@ocicat/agent");
      await runAgent(surroundings.env);
    });
  withExamples(command, [["agent", "with this host's name, and a datastore on this host"]]);
}
