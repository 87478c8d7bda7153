import { stringifyJson } from "@ocicat/kit";
import { type BgpExport, type BgpPath, type BgpWhy, readWhy } from "../agents/bgp-answers.ts";
import { askAgents } from "../agents/reach.ts";
import type { BgpOptions } from "../options/bgp.ts";
import { formatOf } from "../output/choose.ts";
import type { Surroundings } from "../surroundings.ts";
import { checkedPrefix } from "./bgp-routes.ts";

export async function explainPath(
  surroundings: Surroundings,
  prefix: string,
  { node, output }: BgpOptions,
): Promise<void> {
  const query = new URLSearchParams({ prefix: checkedPrefix(prefix) });
  const answers = await askAgents(surroundings, node, `/bgp/why?${query}`, readWhy);
  const format = formatOf(output, {
    ps: () => answers.map((answer) => told(answer.node, answer.body)).join("\n"),
    json: () => `${stringifyJson(answers, 2)}\n`,
  });
  surroundings.print(format());
}

function told(node: string, { prefix, paths, exports }: BgpWhy): string {
  if (paths.length === 0) return `${node}: no path to ${prefix}, nor to a network that holds it.\n`;
  return `${[`${node}: ${prefix}`, ...paths.flatMap(pathLines), ...exportLines(exports)].join("\n")}\n`;
}

const MARKS: Readonly<Record<string, string>> = { best: "*", multipath: "=", refused: "x" };

function pathLines({ peer, origin, nextHop, attributes, verdict, why, stale }: BgpPath): string[] {
  const from = peer === undefined ? `own route: ${origin ?? ""}` : `from ${peer}, next hop ${nextHop ?? "unknown"}`;
  const kept = stale ? ", kept over a restart" : "";
  return [`  ${MARKS[verdict] ?? " "} ${from}`, `      ${verdict}: ${why}${kept}`, `      ${attributes.join(", ")}`];
}

function exportLines(exports: readonly BgpExport[]): string[] {
  if (exports.length === 0) return [];
  return [
    "  told to:",
    ...exports.map(({ peer, told: isTold, why, attributes }) =>
      isTold ? `    ${peer}: yes, ${why}; ${attributes.join(", ")}` : `    ${peer}: no, ${why}`,
    ),
  ];
}
