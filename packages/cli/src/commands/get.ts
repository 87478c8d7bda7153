import type { Command } from "commander";
import type { Surroundings } from "../surroundings.ts";
import {
  type DatastoreOptions,
  DEFAULT_NAMESPACE,
  type FileOptions,
  type NamespaceOptions,
  valueOption,
  withDatastoreOptions,
  withExamples,
  withFileOptions,
} from "./options.ts";

export interface GetOptions extends NamespaceOptions, FileOptions, DatastoreOptions {
  readonly output: string;
  readonly allNamespaces?: boolean;
}

export const FORMATS = ["ps", "wide", "yaml", "json", "why"] as const;
export type Format = (typeof FORMATS)[number];

export function addGet(program: Command, surroundings: Surroundings): void {
  const command = program
    .command("get")
    .summary("show resources")
    .description(
      "Show the resources of a kind, or those named.\n\n" +
        "Formats: ps, a table, is the standard; wide is one with more columns; yaml and json show the whole resource, in " +
        "a form that apply takes; why shows what each node in reach holds because of it: routes, announcements, rules.",
    )
    .argument("[kind]", "kind of resource: its name, plural or short form, such as ippool, nodes, wep")
    .argument("[names...]", "names; all of the kind if none is given")
    .addOption(valueOption("-o, --output <format>", `one of ${FORMATS.join(", ")}`).default("ps"))
    .addOption(
      valueOption(
        "-n, --namespace <namespace>",
        `where namespaced kinds are looked for (default: ${DEFAULT_NAMESPACE})`,
      ),
    )
    .option("-A, --all-namespaces", "look in every namespace")
    .option("-a, --allNamespaces", "the same")
    .action(async (word: string | undefined, names: string[], options: GetOptions) => {
      const { get } = await import("../actions/get.ts");
      await get(surroundings, word, names, options);
    });
  withDatastoreOptions(withFileOptions(command));
  withExamples(command, [
    ["get ippool -o wide", "every pool, with how its traffic travels"],
    ["get ippool default-ipv4-ippool -o yaml > pool.yaml", "one pool, to change and apply"],
    ["get workloadendpoints -A", "the endpoints of every namespace"],
    ["get node node1 -o why", "what the nodes hold because of node1"],
  ]);
}
