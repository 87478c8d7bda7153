import { stringifyJson } from "@ocicat/kit";
import { type BgpEvent, readEvent, readEvents } from "../agents/bgp-answers.ts";
import { askAgents, followAgents } from "../agents/reach.ts";
import type { BgpLogOptions } from "../options/bgp.ts";
import { formatOf } from "../output/choose.ts";
import type { Surroundings } from "../surroundings.ts";

export async function showLog(surroundings: Surroundings, { node, output, follow }: BgpLogOptions): Promise<void> {
  const lineOf = formatOf(output, {
    ps: (of: string, event: BgpEvent) =>
      `${event.at.toISOString()}  ${of}  ${event.session}  ${event.state}${event.why === event.state ? "" : `  ${event.why}`}\n`,
    json: (of: string, event: BgpEvent) => `${stringifyJson({ node: of, ...event, at: event.at.toISOString() })}\n`,
  });
  const answers = await askAgents(surroundings, node, "/bgp/log", readEvents);
  const events = answers.flatMap((answer) => answer.body.map((event) => ({ node: answer.node, event })));
  events.sort((a, b) => a.event.at.getTime() - b.event.at.getTime());
  for (const { node: of, event } of events) surroundings.print(lineOf(of, event));
  if (events.length === 0 && follow !== true)
    surroundings.tell("no session has come up or gone since the agent started");
  if (follow !== true) return;
  await followAgents(surroundings, node, "/bgp/log?follow=1", (of, value) =>
    surroundings.print(lineOf(of, readEvent(value))),
  );
}
