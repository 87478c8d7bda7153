/** A hundred agents' worth of sessions on one speaker, while nothing happens. */
import type { Case } from "../report.ts";
import { compared } from "./compare.ts";
import { IDLE_SESSIONS, type Idle } from "./plan.ts";
import type { Segment } from "./segment.ts";

export async function idle(segment: Segment): Promise<Case[]> {
  const setup = { clients: IDLE_SESSIONS, filtered: false };
  const play = { program: "idle-clients.ts", argument: String } as const;
  const results = await segment.rounds<Idle>(setup, play, () => 1);
  const kibOf = ({ residentMib, emptyMib }: Idle) => ((residentMib - emptyMib) * 1024) / IDLE_SESSIONS;
  return [
    ...compared("100 idle sessions: CPU time a minute", results, ({ cpuMsPerMinute }) => cpuMsPerMinute, "ms"),
    ...compared("100 idle sessions: memory", results, ({ residentMib }) => residentMib, "MiB"),
    ...compared("100 idle sessions: memory a session", results, kibOf, "KiB"),
  ];
}
