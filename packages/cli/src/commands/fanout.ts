import type { Command } from "commander";
import type { DatastoreOptions } from "../options/shared.ts";
import type { Surroundings } from "../surroundings.ts";
import { withDatastoreOptions, withExamples } from "./options.ts";

const VARIABLES: readonly (readonly [name: string, meaning: string])[] = [
  ["OCICAT_FANOUT_LISTEN", "where agents are served: address:port, or unix:///path (127.0.0.1:5473)"],
  ["OCICAT_FANOUT_CERT_FILE", "its certificate; needed where others can reach it"],
  ["OCICAT_FANOUT_KEY_FILE", "the certificate's key"],
  ["OCICAT_FANOUT_CLIENT_CA_FILE", "the authority that signs agents' certificates"],
  ["OCICAT_FANOUT_CLIENT_NAME", "the name that those have to have (any)"],
  ["OCICAT_FANOUT_HISTORY_EVENTS", "changes of a kind that are kept for who goes on later (20000)"],
  ["OCICAT_FANOUT_HISTORY_MIB", "and how large they may be together (64)"],
  ["OCICAT_FANOUT_PATIENCE_SECONDS", "how long an agent may read nothing before it is sent away (60)"],
  ["OCICAT_FANOUT_HEALTH_PORT", "TCP port for /livez, /readyz and /metrics (9093)"],
  ["OCICAT_FANOUT_HEALTH_HOST", "the address that port is on (127.0.0.1)"],
];

export function addFanout(program: Command, surroundings: Surroundings): void {
  const width = Math.max(...VARIABLES.map(([name]) => name.length));
  const variables = VARIABLES.map(([name, meaning]) => `  ${name.padEnd(width)}  ${meaning}`);
  const fanout = program
    .command("fanout")
    .summary("watch the datastore once, for many agents")
    .description(
      "Serve what agents watch from one cache, in the foreground, until SIGTERM: the datastore then has one list and one " +
        "watch of each kind from here, instead of one from each node. Agents are told of it by OCICAT_FANOUT_ENDPOINTS. It " +
        "is for clusters of a hundred nodes or more; without it agents watch the datastore themselves.",
    )
    .addHelpText("after", `\nVariables (and what holds where they are not set):\n${variables.join("\n")}`)
    .action(async ({ config }: DatastoreOptions) => {
      const { findConnection } = await import("../connect/connection.ts");
      const { runFanout } = await import("@ocicat/fanout");
      await runFanout(surroundings.env, await findConnection(surroundings, config));
    });
  withDatastoreOptions(fanout);
  withExamples(fanout, [["fanout", "for agents on this host"]]);
}
