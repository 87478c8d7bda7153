import type { Command } from "commander";
import { FORMATS, type GetOptions } from "../options/get.ts";
import { DEFAULT_NAMESPACE } from "../options/shared.ts";
import type { Surroundings } from "../surroundings.ts";
import { valueOption, withDatastoreOptions, withExamples, withFileOptions } from "./options.ts";

export function addGet(program: Command, surroundings: Surroundings): void {
  const command = program
    .command("get")
    .summary("show resources")
    .description(
      "Show the resources of a kind, or those named.\n\n" +
        "Formats: ps, a table, is the standard; wide is one with more columns; yaml and json show the whole resource, in " +
        "a form that apply takes; why shows what each node in reach holds because of it: routes, announcements, rules; " +
        "custom-columns=NAME,CIDR is a table of the columns named; go-template=TEMPLATE and go-template-file=FILE are " +
        "Go's templates, a subset of them, on a list of what was asked for.",
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
    .option("--export", "resources that are named without what they have of this cluster, to create them in another")
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
    ["get ippool -o custom-columns=NAME,NAT", "the columns named"],
    ["get node -o go-template='{{range .}}{{range .Items}}{{.Name}} {{end}}{{end}}'", "as a template says"],
  ]);
}
