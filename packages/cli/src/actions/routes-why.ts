import { OcicatError, stringifyJson } from "@ocicat/kit";
import { AddressError, parsePrefix } from "@ocicat/net";
import { type RouteWhy, readRouteWhys } from "../agents/answers.ts";
import { type AgentAnswer, askAgents } from "../agents/reach.ts";
import type { WhyOptions } from "../options/routes.ts";
import { plainTable } from "../output/table.ts";
import type { Surroundings } from "../surroundings.ts";

export async function explainRoutes(
  surroundings: Surroundings,
  target: string,
  { node, output }: WhyOptions,
): Promise<void> {
  const format = FORMATS[output];
  if (format === undefined) {
    const fix = `use one of ${Object.keys(FORMATS).join(", ")}`;
    throw new OcicatError({ code: "CLI_OUTPUT", what: `"${output}" is not an output format`, fix });
  }
  const query = new URLSearchParams({ target: checked(target) });
  const answers = await askAgents(surroundings, node, `/routes/why?${query}`, readRouteWhys);
  surroundings.print(format(answers, target));
}

type Answers = readonly AgentAnswer<readonly RouteWhy[]>[];

const FORMATS: Readonly<Record<string, (answers: Answers, target: string) => string>> = {
  ps: table,
  json: (answers) => `${stringifyJson(answers, 2)}\n`,
};

function table(answers: Answers, target: string): string {
  const rows = answers.flatMap(({ node, body }) => body.flatMap((route) => rowsOf(node, route)));
  if (rows.length === 0) return `No route of ours concerns ${target}: the node's other routes apply.\n`;
  return plainTable({ headings: ["NODE", "WHAT", "STATE", "WHY"], rows });
}

function rowsOf(node: string, { destination, route, why = "", kernel, announced }: RouteWhy): readonly string[][] {
  const own = [node, route ?? `(none) ${destination}`, kernel, why];
  return announced === undefined ? [own] : [own, [node, `announcement ${destination}`, "announced", announced]];
}

function checked(target: string): string {
  try {
    parsePrefix(target, { hostBits: "clear" });
    return target;
  } catch (error) {
    if (!(error instanceof AddressError)) throw error;
    const fix = "give an address such as 10.244.0.1, or a network such as 10.244.0.0/26";
    throw new OcicatError({ code: "CLI_ARGUMENTS", what: error.message, fix, cause: error });
  }
}
