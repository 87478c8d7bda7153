import { parseDuration } from "@ocicat/api";
import type { Flow, FlowEnd } from "@ocicat/enforcement";
import { type Clock, OcicatError } from "@ocicat/kit";
import { formatAddress } from "@ocicat/net";
import { protocolName } from "@ocicat/policy";
import { json, type Routes, type Stream } from "@ocicat/service";
import type { FlowCollector } from "./collector.ts";

/**
 *     /flows?since=5m         the flows of the last five minutes; or since a time (RFC 3339); all that are kept without it
 *           &dropped=1        only what was denied
 *           &follow=1         from now on a flow a line, once a second what has come; {"missed": n} where the asker was too slow
 */
export function flowRoutes(collector: () => FlowCollector | undefined, node: string, clock: Clock): Routes {
  return {
    "/flows": (query) => {
      const running = collector();
      if (running?.running !== true) throw flowsAreOff();
      const isWanted = query.get("dropped") === "1" ? ({ action }: Flow) => action === "deny" : () => true;
      if (query.get("follow") === "1") return followed(running, isWanted);
      const since = sinceOf(query.get("since") ?? "", clock.now());
      const { lost, uncounted, intervalMs } = running;
      const flows = [...running.since(since)].filter(isWanted).map(flowReport);
      return json({ node, intervalMs, lost, uncounted, flows });
    },
  };
}

function followed(collector: FlowCollector, isWanted: (flow: Flow) => boolean): Stream {
  return {
    open(send) {
      let missed = 0;
      return collector.follow((flows) => {
        for (const flow of flows.filter(isWanted)) {
          if (missed > 0 && send(JSON.stringify({ missed }))) missed = 0;
          if (missed > 0 || !send(JSON.stringify(flowReport(flow)))) missed += 1;
        }
      });
    },
  };
}

/** A flow as it is told to others: one JSON object. */
export function flowReport({ since, until, action, direction, source, destination, protocol, ...rest }: Flow) {
  return {
    since: new Date(since).toISOString(),
    until: new Date(until).toISOString(),
    action,
    /** Whose policies decided. */
    reporter: direction === "egress" ? "source" : "destination",
    source: endReport(source),
    destination: endReport(destination),
    protocol: protocolName(protocol),
    port: rest.destinationPort,
    icmp: rest.icmp,
    steps: rest.steps,
    count: rest.count,
  };
}

export type FlowReport = ReturnType<typeof flowReport>;

function endReport({ kind, name, address }: FlowEnd) {
  return { kind, name, address: address === undefined ? undefined : formatAddress(address) };
}

/** Milliseconds since 1970. "": everything there is. */
function sinceOf(text: string, now: number): number {
  if (text === "") return 0;
  const nanoseconds = parseDuration(text);
  const time = nanoseconds === undefined ? Date.parse(text) : now - Number(nanoseconds / 1_000_000n);
  if (!Number.isNaN(time)) return time;
  throw new OcicatError({
    code: "INVALID_TIME",
    where: "since",
    what: `"${text}" is neither a duration nor a time`,
    fix: "give a duration as 5m, or a time as 2026-01-31T12:00:00Z",
  });
}

function flowsAreOff(): OcicatError {
  return new OcicatError({
    code: "FLOWS_OFF",
    what: "this node keeps no flow log",
    why: "FelixConfiguration's flowLogsLocalReporter is Disabled, or another program listens to NFLOG's groups",
    fix: 'set flowLogsLocalReporter: Enabled in the FelixConfiguration "default"',
  });
}
