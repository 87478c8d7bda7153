import { isObject } from "@ocicat/api";
import { type Clock, createBackoff, isOcicatError, type Logger, type Random, type Timer, toError } from "@ocicat/kit";
import type { ApiClient, ApiObject, ApiResource } from "@ocicat/kubernetes";
import type { Foundation } from "../start/foundation.ts";

/** Where Kubernetes says whether a node can have pods with addresses; while it is True a taint keeps new ones away. */
export const NETWORK_UNAVAILABLE = "NetworkUnavailable";

const NODES: ApiResource = { group: "", version: "v1", plural: "nodes", namespaced: false };

const UP = { status: "False", reason: "OcicatIsUp", message: "Ocicat is running on this node" } as const;
const DOWN = { status: "True", reason: "OcicatIsDown", message: "Ocicat is shutting down on this node" } as const;

type Told = typeof UP | typeof DOWN;

/** Between looks at what others have made of it, milliseconds. A node is written every few minutes when nothing happens. */
const LOOK_MS = 30_000;
/** How long the end of an agent may wait for it, milliseconds: it is a courtesy. */
const LAST_WORD_MS = 2_000;

export interface NetworkConditionOptions {
  readonly api: Pick<ApiClient, "get" | "patch">;
  /** Its name in Kubernetes. */
  readonly node: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/**
 * Says in the Node that the network is there, from when the agent is ready until it ends, as calico-node does:
 *
 *     begin()      False, once it can be written
 *     lookAgain()  the Node was written: who says True there while the agent runs (the network before this one, at its end)
 *                  is put right, at most every half minute
 *     end()        True, so that no pod is sent here that could not be started; unless another network has the word by now
 */
export class NetworkCondition {
  readonly #options: NetworkConditionOptions;
  #timer: Timer | undefined;
  #working: Promise<void> = Promise.resolve();
  #ended = false;

  constructor(options: NetworkConditionOptions) {
    this.#options = options;
  }

  begin(): void {
    const backoff = createBackoff(this.#options.random, { initialMs: 500, maxMs: 30_000 });
    const attempt = () => {
      this.#timer = undefined;
      this.#working = this.#tell(UP, ({ status, reason }) => status !== UP.status || reason !== UP.reason).catch(
        (error) => {
          if (this.#ended) return;
          this.#options.logger.warning("the Node cannot be told that its network is there", {
            error: toError(error).message,
          });
          if (isOcicatError(error) && error.retryable) this.#after(backoff.next(), attempt);
        },
      );
    };
    attempt();
  }

  lookAgain(): void {
    if (this.#timer !== undefined || this.#ended) return;
    this.#after(LOOK_MS, () => {
      this.#timer = undefined;
      this.#working = this.#tell(UP, ({ status }) => status === DOWN.status).catch((error) =>
        this.#options.logger.debug("the Node's conditions cannot be looked at", { error: toError(error).message }),
      );
    });
  }

  async end(): Promise<void> {
    this.#ended = true;
    this.#timer?.cancel();
    const { clock, logger } = this.#options;
    let late: Timer | undefined;
    const patience = new Promise<void>((resolve) => {
      late = clock.after(LAST_WORD_MS, "last word", resolve);
    });
    const told = this.#working
      .then(() => this.#tell(DOWN, ({ reason }) => reason === UP.reason))
      .catch((error) =>
        logger.warning("the Node cannot be told that its network goes", { error: toError(error).message }),
      );
    await Promise.race([told, patience]);
    late?.cancel();
  }

  #after(ms: number, work: () => void): void {
    this.#timer = this.#options.clock.after(ms, "network condition", work);
  }

  /** Only over the Node that was looked at: who writes it meanwhile is looked at as well. */
  async #tell(condition: Told, isDue: (now: Condition) => boolean, attempts = 5): Promise<void> {
    const { api, node, clock } = this.#options;
    const object = await api.get(NODES, { namespace: undefined, name: node });
    const now = object && conditionOf(object);
    if (object === undefined || !isDue(now ?? {})) return;
    const time = new Date(clock.now()).toISOString().replace(/\.\d+Z$/, "Z");
    const told = { type: NETWORK_UNAVAILABLE, ...condition, lastHeartbeatTime: time, lastTransitionTime: time };
    const { resourceVersion } = object.metadata;
    const patch = { metadata: { resourceVersion }, status: { conditions: [told] } };
    try {
      await api.patch(NODES, { namespace: undefined, name: node }, patch, { subresource: "status", strategic: true });
    } catch (error) {
      if (!isOcicatError(error) || error.code !== "KUBERNETES_409" || attempts === 1) throw error;
      await this.#tell(condition, isDue, attempts - 1);
    }
  }
}

/** As long as the agent runs, where its datastore is a cluster's API and pods get their addresses from it. */
export function tellNetwork({ kubernetes, options, tables, clock, random, logger, scope }: Foundation): void {
  if (kubernetes === undefined || options.backend === "none") return;
  const { nodeName: node } = options;
  const condition = new NetworkCondition({ api: kubernetes.api, node, clock, random, logger: logger.child("node") });
  scope.add("network condition", () => condition.end());
  condition.begin();
  tables.nodes.subscribe((_key, row) => {
    if (row?.name === node) condition.lookAgain();
  });
}

interface Condition {
  readonly status?: unknown;
  readonly reason?: unknown;
}

function conditionOf({ status }: ApiObject): Condition | undefined {
  const conditions = isObject(status) && Array.isArray(status.conditions) ? status.conditions : [];
  return conditions.filter(isObject).find(({ type }) => type === NETWORK_UNAVAILABLE);
}
