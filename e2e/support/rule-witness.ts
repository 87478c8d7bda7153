import { eventually, type TestLab } from "./lab.ts";

export interface RuleReport {
  /** Everything else that was changed: tables, chains, rules, sets, elements that were there at the beginning. */
  readonly changed: readonly string[];
  readonly added: readonly string[];
}

const PROBE = ["table", "inet", "oct-probe"] as const;

/** Watches a node's nftables through nft. The kernel does not tell of an element added that is there: see WriteWitness. */
export class RuleWitness {
  readonly #monitor: ReturnType<TestLab["start"]>;
  #seen = "";

  private constructor(lab: TestLab, node: string) {
    this.#monitor = lab.start(node, "nft", "monitor");
    this.#monitor.child.stdout?.on("data", (chunk: Buffer) => {
      this.#seen += chunk.toString();
    });
  }

  /** Awake when this resolves. */
  static async start(lab: TestLab, node: string): Promise<RuleWitness> {
    const witness = new RuleWitness(lab, node);
    await eventually(
      async () => {
        await lab.out(node, "nft", "add", ...PROBE);
        await lab.out(node, "nft", "delete", ...PROBE);
        return witness.#seen.includes(PROBE.join(" "));
      },
      (awake) => awake,
    );
    return witness;
  }

  async stop(): Promise<RuleReport> {
    this.#monitor.child.kill("SIGINT");
    await this.#monitor.ended;
    const present = new Set<string>();
    const report = { changed: [] as string[], added: [] as string[] };
    for (const line of this.#seen.split("\n")) {
      if (line === "" || line.startsWith("#") || line.includes(PROBE.join(" "))) continue;
      const element = /^(add|delete) element (.*)$/.exec(line);
      const name = element?.[2]?.replace(/ comment ".*"/, "") ?? "";
      if (element?.[1] === "add") {
        report.added.push(name);
        present.add(name);
      } else if (!present.delete(name)) report.changed.push(line);
    }
    return report;
  }
}
