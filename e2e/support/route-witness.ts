import { eventually, type TestLab } from "./lab.ts";

/** A destination nobody uses (RFC 5737), in a table nobody uses: to see that the witness is awake. */
const PROBE = ["blackhole", "192.0.2.1", "table", "4242"] as const;

export interface RouteReport {
  /** Routes that were there and were replaced by others: "10.244.1.1 dev cali… scope link". */
  readonly changed: readonly string[];
  /** Routes that were there at the beginning and were taken away. */
  readonly taken: readonly string[];
  /** Routes that were not there. */
  readonly added: readonly string[];
}

/**
 * Watches a node's main table through iproute2. The kernel does not tell of routes that go with their link, so that links
 * are watched too; nor of a route that is replaced by the same: see WriteWitness.
 */
export class RouteWitness {
  readonly #monitor: ReturnType<TestLab["start"]>;
  #seen = "";
  #before: ReadonlyMap<string, string> = new Map();

  private constructor(lab: TestLab, node: string) {
    this.#monitor = lab.start(node, "ip", "-4", "-o", "monitor", "label", "link", "route");
    this.#monitor.child.stdout?.on("data", (chunk: Buffer) => {
      this.#seen += chunk.toString();
    });
  }

  /** Awake, and knowing what is there, when this resolves. */
  static async start(lab: TestLab, node: string): Promise<RouteWitness> {
    const witness = new RouteWitness(lab, node);
    await eventually(
      async () => {
        await lab.exec(node, "ip", "route", "replace", ...PROBE);
        return witness.#seen.includes("192.0.2.1");
      },
      (awake) => awake,
    );
    await lab.out(node, "ip", "route", "del", ...PROBE);
    const present = await lab.out(node, "ip", "-4", "route");
    witness.#before = new Map(lines(present).map((route) => [destinationOf(route), route]));
    return witness;
  }

  async stop(): Promise<RouteReport> {
    this.#monitor.child.kill("SIGINT");
    await this.#monitor.ended;
    const present = new Map(this.#before);
    const report = { changed: [] as string[], taken: [] as string[], added: [] as string[] };
    for (const line of lines(this.#seen)) {
      const link = /^\[LINK\](Deleted )?\d+: ([^:@]+)[^<]*<([^>]*)>/.exec(line);
      if (link !== null && (link[1] !== undefined || !link[3]?.split(",").includes("UP")))
        dropRoutesOn(present, link[2]);
      const route = /^\[ROUTE\](Deleted )?(.*)$/.exec(line);
      const text = route?.[2]?.trim() ?? "";
      if (route === null || / table /.test(text)) continue;
      const destination = destinationOf(text);
      if (route[1] !== undefined) {
        if (this.#before.has(destination)) report.taken.push(text);
        present.delete(destination);
      } else {
        (present.has(destination) ? report.changed : report.added).push(text);
        present.set(destination, text);
      }
    }
    return report;
  }
}

function dropRoutesOn(routes: Map<string, string>, device: string | undefined): void {
  for (const [destination, route] of routes) if (route.split(" ").includes(device ?? "")) routes.delete(destination);
}

function destinationOf(route: string): string {
  return route.replace(/^(blackhole|unreachable|prohibit) /, "").split(" ")[0] ?? "";
}

function lines(text: string): string[] {
  return text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
}
