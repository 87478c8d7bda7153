import type { MetricsRegistry } from "@ocicat/kit";
import type { BgpRunner } from "./runner.ts";

type Report = ReturnType<BgpRunner["report"]>[number];

const NUMBERS: Readonly<Record<string, readonly [help: string, read: (session: Report) => number]>> = {
  ocicat_bgp_session_up: ["1 while the session is established.", ({ state }) => (state === "Established" ? 1 : 0)],
  ocicat_bgp_prefixes_received: ["Prefixes that the peer has told.", ({ received }) => received],
  ocicat_bgp_prefixes_accepted: ["Those of them that the import policy let through.", ({ accepted }) => accepted],
  ocicat_bgp_prefixes_advertised: ["Prefixes that the peer is told.", ({ advertised }) => advertised],
  ocicat_bgp_prefixes_stale: ["Prefixes kept while the peer restarts.", ({ stale }) => stale],
};

/** Each session of the node, and why those that are not up are not. */
export function bgpMetrics(metrics: MetricsRegistry, mesh: Pick<BgpRunner, "report">): void {
  for (const [name, [help, read]] of Object.entries(NUMBERS))
    metrics.gauge(name, help, () => mesh.report().map((session) => [labelsOf(session), read(session)] as const));
  metrics.gauge("ocicat_bgp_session_trouble", "1 for each session that is not established, with the reason.", () =>
    mesh
      .report()
      .filter(({ state }) => state !== "Established")
      .map((session) => [{ ...labelsOf(session), reason: session.info }, 1] as const),
  );
}

function labelsOf({ name, address, type }: Report) {
  return { session: name, peer: address, type };
}
