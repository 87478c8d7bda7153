/** What a BGPFilter of four rules costs when a million routes pass it, on the way in and on the way out. */
import { type Case, measured, median } from "../report.ts";
import { compared } from "./compare.ts";
import type { DaemonName } from "./daemons.ts";
import { CLIENTS, type Outcome } from "./plan.ts";
import type { Results, Segment } from "./segment.ts";
import { played } from "./tables.ts";

const PREFIXES = 1_000_000;

export async function filtered(segment: Segment, rounds: number): Promise<Case[]> {
  const play = played({ prefixes: PREFIXES, sets: 10, churnS: 0 });
  const countOf = (name: DaemonName) => (name === "GoBGP" ? 0 : rounds);
  const plain = await segment.rounds<Outcome>({ clients: CLIENTS, filtered: false }, play, countOf);
  const through = await segment.rounds<Outcome>({ clients: CLIENTS, filtered: true }, play, countOf);
  const perRoute = (name: DaemonName) => ((cpuOf(through, name) - cpuOf(plain, name)) * 1e6) / PREFIXES;
  const peers = ["BIRD", "FRR"] as const;
  return [
    ...compared("1,000,000 routes through a BGPFilter: CPU time", through, ({ announceCpuMs }) => announceCpuMs, "ms"),
    ...peers.map((name) =>
      measured(
        "what the filter adds to a route",
        "ns",
        perRoute("Ocicat"),
        { name, value: perRoute(name) },
        { kind: "none" },
      ),
    ),
    ...compared("most memory with it", through, ({ peakMib }) => peakMib, "MiB"),
  ];
}

function cpuOf(results: Results<Outcome>, name: DaemonName): number {
  return median((results.get(name) ?? []).map(({ announceCpuMs }) => announceCpuMs));
}
