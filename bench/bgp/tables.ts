/** Tables of 100,000 and of 1,000,000 routes: told, changed by one route, withdrawn. */
import type { Case } from "../report.ts";
import { alone, compared } from "./compare.ts";
import type { DaemonName } from "./daemons.ts";
import { CLIENTS, type Outcome, type Scenario } from "./plan.ts";
import type { Play, Segment } from "./segment.ts";

const SETUP = { clients: CLIENTS, filtered: false };

/** `patient`: GoBGP learns a million routes too. */
export async function tables(segment: Segment, rounds: number, patient: boolean): Promise<Case[]> {
  // It takes minutes for what the others do in seconds: once is enough to print.
  const countOf = (name: DaemonName) => (name === "GoBGP" ? 1 : rounds);
  const small = await segment.rounds<Outcome>(SETUP, played({ prefixes: 100_000, sets: 10, churnS: 0 }), countOf);
  const large = await segment.rounds<Outcome>(SETUP, played({ prefixes: 1_000_000, sets: 10, churnS: 0 }), (name) =>
    name === "GoBGP" && !patient ? 0 : countOf(name),
  );
  return [
    ...compared("100,000 routes to 11 clients", small, ({ announceMs }) => announceMs, "ms", 0.5),
    ...compared("the same, CPU time", small, ({ announceCpuMs }) => announceCpuMs, "ms", 0.5),
    ...compared("1,000,000 routes", large, ({ announceMs }) => announceMs, "ms", 0.2),
    ...compared("the same, CPU time", large, ({ announceCpuMs }) => announceCpuMs, "ms", 0.2),
    ...compared("all 1,000,000 withdrawn", large, ({ withdrawMs }) => withdrawMs, "ms", 0.3),
    ...compared("the same, CPU time", large, ({ withdrawCpuMs }) => withdrawCpuMs, "ms", 0.3),
    ...compared("most memory", large, ({ peakMib }) => peakMib, "MiB"),
    alone("most memory of ours", large, ({ peakMib }) => peakMib, "MiB", 200),
    alone("one route of 1,000,000: UPDATEs a client", large, ({ oneRouteUpdates }) => oneRouteUpdates[1], "", 1),
    ...compared("one route of 1,000,000: CPU time", large, ({ oneRouteCpuMs }) => oneRouteCpuMs, "ms"),
    alone("one route of 1,000,000: CPU time of ours", large, ({ oneRouteCpuMs }) => oneRouteCpuMs, "ms", 1),
  ];
}

export function played(scenario: Omit<Scenario, "pid">): Play {
  return { program: "clients.ts", argument: (pid) => JSON.stringify({ ...scenario, pid }) };
}
