import { OcicatError, stringifyJson } from "@ocicat/kit";
import { AddressError, parsePrefix } from "@ocicat/net";
import { type BgpPath, readPaths } from "../agents/bgp-answers.ts";
import { type AgentAnswer, askAgents } from "../agents/reach.ts";
import type { BgpRoutesOptions } from "../options/bgp.ts";
import { formatOf } from "../output/choose.ts";
import { plainTable } from "../output/table.ts";
import type { Surroundings } from "../surroundings.ts";

export async function showRoutes(
  surroundings: Surroundings,
  prefix: string | undefined,
  options: BgpRoutesOptions,
): Promise<void> {
  const { node, output } = options;
  const query = queryOf(prefix, options);
  const answers = await askAgents(surroundings, node, `/bgp/routes?${query}`, readPaths);
  const format = formatOf(output, {
    ps: () => table(answers),
    json: () => `${stringifyJson(answers, 2)}\n`,
  });
  surroundings.print(format());
}

function queryOf(prefix: string | undefined, { received, advertised, best, all }: BgpRoutesOptions): URLSearchParams {
  if ([received, advertised].every((peer) => peer !== undefined) || (best === true && all === true)) {
    const fix = "give one of --received and --advertised, one of --best and --all";
    throw new OcicatError({ code: "CLI_ARGUMENTS", what: "the options exclude each other", fix });
  }
  const query = new URLSearchParams();
  if (prefix !== undefined) query.set("prefix", checkedPrefix(prefix));
  if (received !== undefined) query.set("received", received);
  if (advertised !== undefined) query.set("advertised", advertised);
  if (best === true || (received === undefined && advertised === undefined && all !== true)) query.set("best", "1");
  return query;
}

/** Throws OcicatError CLI_ARGUMENTS. */
export function checkedPrefix(text: string): string {
  try {
    return parsePrefix(text, { hostBits: "clear" }).toString();
  } catch (error) {
    if (!(error instanceof AddressError)) throw error;
    const fix = "give a network such as 10.244.0.0/26, or an address";
    throw new OcicatError({ code: "CLI_ARGUMENTS", what: error.message, fix, cause: error });
  }
}

function table(answers: readonly AgentAnswer<readonly BgpPath[]>[]): string {
  const rows = answers.flatMap(({ node, body }) =>
    body.map((path) => [
      node,
      path.prefix,
      path.nextHop ?? "",
      path.peer ?? "(own)",
      attribute(path, "AS_PATH"),
      attribute(path, "LOCAL_PREF"),
      attribute(path, "MULTI_EXIT_DISC"),
      path.stale ? `${path.verdict}, stale` : path.verdict,
      path.origin === undefined ? path.why : `${path.why}; ${path.origin}`,
    ]),
  );
  if (rows.length === 0) return "No paths.\n";
  const headings = ["NODE", "NETWORK", "NEXT HOP", "FROM", "AS PATH", "LOCALPREF", "MED", "STATE", "WHY"];
  return plainTable({ headings, rows });
}

function attribute({ attributes }: BgpPath, name: string): string {
  return attributes.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2) ?? "";
}
