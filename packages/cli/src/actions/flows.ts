import { OcicatError, parseJson } from "@ocicat/kit";
import { type FlowLine, readFlow, readFlows, readMissed } from "../agents/flow-answers.ts";
import { askAgents, followAgents } from "../agents/reach.ts";
import { isObject, type JsonObject } from "../json.ts";
import type { FlowsOptions } from "../options/policy.ts";
import { oneLine } from "../output/line.ts";
import { plainTable } from "../output/table.ts";
import { timeOfDay } from "../output/time-of-day.ts";
import { checkOutput, print } from "../policy/output.ts";
import type { Surroundings } from "../surroundings.ts";

/** Who talked to whom, as the nodes' kernels logged it; or who talks, from now on. */
export async function showFlows(surroundings: Surroundings, options: FlowsOptions): Promise<void> {
  checkOutput(options.output);
  const query = new URLSearchParams({
    ...(options.dropped === true ? { dropped: "1" } : {}),
    ...(options.since === undefined ? {} : { since: options.since }),
  });
  if (options.follow === true) await follow(surroundings, options, query);
  else await list(surroundings, options, query);
}

async function list(surroundings: Surroundings, { node, output }: FlowsOptions, query: URLSearchParams): Promise<void> {
  const answers = await askAgents(surroundings, node, `/flows?${query}`, readFlows);
  const flows = answers
    .flatMap(({ node: name, body }) => body.flows.map((flow) => ({ name, flow })))
    .sort((a, b) => (a.flow.until < b.flow.until ? -1 : 1));
  print(surroundings, output, {
    text: () => table(surroundings, flows),
    json: () => answers.map(({ node: name, body }) => ({ node: name, ...plain(body.body) })),
  });
  for (const { node: name, body } of answers) {
    if (body.lost > 0) surroundings.tell(`node ${name}: ${body.lost} packets came faster than they could be read`);
    if (body.uncounted > 0)
      surroundings.tell(`node ${name}: ${body.uncounted} packets were of too many flows to count`);
  }
}

const HEADINGS = ["TIME", "NODE", "ACTION", "SOURCE", "DESTINATION", "PACKETS", "COUNT", "BY"];

function table(
  surroundings: Surroundings,
  flows: readonly { readonly name: string; readonly flow: FlowLine }[],
): string {
  if (flows.length === 0) return "No flow was seen.\n";
  return plainTable({ headings: HEADINGS, rows: flows.map(({ name, flow }) => cells(surroundings, name, flow)) });
}

function cells({ timeZone }: Surroundings, node: string, flow: FlowLine): readonly string[] {
  const { until, action, source, destination, packets, count, by } = flow;
  const time = timeOfDay(BigInt(Date.parse(until)) * 1_000_000n, timeZone);
  return [time, node, action, source, destination, packets, String(count), by].map(oneLine);
}

async function follow(
  surroundings: Surroundings,
  { node, output }: FlowsOptions,
  query: URLSearchParams,
): Promise<void> {
  if (output === "yaml")
    throw new OcicatError({
      code: "CLI_OUTPUT",
      what: "what is followed has no end",
      fix: "use json: an object a line",
    });
  query.set("follow", "1");
  await followAgents(surroundings, node, `/flows?${query}`, (name, value) => {
    const missed = readMissed(value);
    if (missed !== undefined) surroundings.tell(`node ${name}: ${missed} flows were left out, for they came too fast`);
    else if (output === "json") surroundings.print(`${JSON.stringify({ node: name, ...plain(value) })}\n`);
    else surroundings.print(`${followed(surroundings, name, readFlow(value))}\n`);
  });
}

/** `16:03:12.120  node1  deny   default/web-1 (10.244.166.129) → 203.0.113.9 (public)  TCP 80  GlobalNetworkPolicy block-bad …`. */
function followed(surroundings: Surroundings, name: string, flow: FlowLine): string {
  const [time, node, action = "", source, destination, packets, count, by] = cells(surroundings, name, flow);
  const times = count === "1" ? "" : ` ×${count}`;
  return `${time}  ${node}  ${action.padEnd(5)}  ${source} → ${destination}  ${packets}${times}  ${by}`;
}

/** What came over a socket as JSON is JSON. */
function plain(value: unknown): JsonObject {
  const copy = parseJson(JSON.stringify(value));
  return isObject(copy) ? copy : {};
}
