import { agnhost, type TestCluster } from "./cluster.ts";

/** How many pods there are at a time, on both nodes together. */
const STANDING = 6;

export interface Churn {
  /** How many were made so far. */
  readonly made: () => number;
  readonly stop: () => Promise<void>;
}

/**
 * Makes pods and deletes the oldest, without a pause, until `stop`, which leaves those that stand; what the API refuses
 * or does not answer is tried again, as a controller does. Their names begin with `prefix`.
 */
export function churn(cluster: TestCluster, prefix: string): Churn {
  let made = 0;
  let stopped = false;
  const run = async (): Promise<void> => {
    while (!stopped) {
      const name = `${prefix}-${made}`;
      try {
        await cluster.apply(
          agnhost(name, {
            node: made % 2 === 0 ? "controlplane" : "node01",
            args: ["pause"],
            labels: { churn: "yes" },
          }),
        );
        made += 1;
        const old = made - STANDING - 1;
        if (old >= 0) await cluster.kubectl("delete", "pod", `${prefix}-${old}`, "--wait=false", "--ignore-not-found");
      } catch {
        // The API server is away: that is what this is for.
      }
    }
  };
  const running = run();
  return {
    made: () => made,
    stop: async () => {
      stopped = true;
      await running;
    },
  };
}
