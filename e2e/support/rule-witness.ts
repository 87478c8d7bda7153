import { eventually, type TestLab } from "./lab.ts";

export interface RuleReport {
  /** Elements added although they were there. */
  readonly repeated: readonly string[];
  /** Everything else that was changed: tables, chains, rules, sets, elements that were there at the beginning. */
  readonly changed: readonly string[];
  readonly added: readonly string[];
}

const PROBE = ["table", "inet", "oct-probe"] as const;

/** Watches a node's nftables through nft. */
export class RuleWitness {
  readonly #node: string;
  readonly #monitor: ReturnType<TestLab["start"]>;
  #seen = "";

  private constructor(lab: TestLab, node: string) {
    this.#node = node;
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
    const report = { repeated: [] as string[], changed: [] as string[], added: [] as string[] };
    for (const line of this.#seen.split("\n")) {
      if (line === "" || line.startsWith("#") || line.includes(PROBE.join(" "))) continue;
      const element = /^(add|delete) element (.*)$/.exec(line);
      const name = element?.[2]?.replace(/ comment ".*"/, "") ?? "";
      const told = `${this.#node}: ${line}`;
      if (element?.[1] === "add") {
        (present.has(name) ? report.repeated : report.added).push(told);
        present.add(name);
      } else if (!present.delete(name)) report.changed.push(told);
    }
    return report;
  }
}
