import { isObject } from "@ocicat/api";
import { type Clock, createBackoff, isOcicatError, type Logger, type Random, type Scope, toError } from "@ocicat/kit";
import type { ApiClient, ApiObject, ApiResource } from "@ocicat/kubernetes";
import type { SecretRef } from "@ocicat/routing";
import type { SecretAnswer, Secrets } from "./secrets.ts";

const SECRETS: ApiResource = { group: "", version: "v1", plural: "secrets", namespaced: true };

export interface ApiSecretsOptions {
  readonly api: Pick<ApiClient, "list" | "watch">;
  /** Where the agent's own pod is: it is allowed nothing of other namespaces. */
  readonly namespace: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly scope: Scope;
}

/**
 * Secrets of a cluster. Each that is asked for is read and followed by its name alone, so that a role with resourceNames
 * suffices; none else is ever seen. What they hold stays in memory, and is in no log.
 */
export function apiSecrets(options: ApiSecretsOptions): Secrets {
  const followed = new Map<string, FollowedSecret>();
  const listeners: (() => void)[] = [];
  const changed = () => {
    for (const listener of listeners) listener();
  };
  return {
    read({ name, key }: SecretRef) {
      const secret = followed.get(name) ?? new FollowedSecret(name, options, changed);
      followed.set(name, secret);
      return secret.read(key);
    },
    subscribe: (listener) => void listeners.push(listener),
  };
}

class FollowedSecret {
  readonly #name: string;
  readonly #options: ApiSecretsOptions;
  readonly #changed: () => void;
  /** Its keys with what they hold; or why it is not known. */
  #state: ReadonlyMap<string, string> | string;
  #told: string;

  constructor(name: string, options: ApiSecretsOptions, changed: () => void) {
    this.#name = name;
    this.#options = options;
    this.#changed = changed;
    this.#state = `secret ${options.namespace}/${name} is not read yet`;
    this.#told = textOf(this.#state);
    void this.#run();
  }

  read(key: string): SecretAnswer {
    if (typeof this.#state === "string") return { missing: this.#state };
    const value = this.#state.get(key)?.replace(/\r?\n$/, "");
    const where = `secret ${this.#options.namespace}/${this.#name}`;
    if (value === undefined) return { missing: `${where} has no key ${key}` };
    return value === "" ? { missing: `${where} has nothing under ${key}` } : { value };
  }

  async #run(): Promise<void> {
    const { scope, clock, random, logger } = this.#options;
    const backoff = createBackoff(random, { initialMs: 500, maxMs: 30_000 });
    while (!scope.closed) {
      try {
        await this.#follow();
        backoff.reset();
      } catch (error) {
        if (scope.closed) return;
        this.#fail(error);
        logger.warning("a secret cannot be read", { secret: this.#name, error: toError(error).message });
      }
      await untilEnd(scope, (resolve) => {
        const timer = clock.after(backoff.next(), "secret", resolve);
        return () => timer.cancel();
      });
    }
  }

  /** Resolves when the list has to be asked for again; throws what the API server refuses. */
  async #follow(): Promise<void> {
    const { api, namespace, scope } = this.#options;
    const selection = { namespace, fieldSelector: `metadata.name=${this.#name}` };
    const { items, resourceVersion } = await api.list(SECRETS, selection);
    this.#take(items.find(({ metadata }) => metadata.name === this.#name));
    await untilEnd(scope, (resolve, reject) =>
      api.watch(SECRETS, selection, resourceVersion, {
        change: (type, object) => this.#take(type === "DELETED" ? undefined : object),
        progress: () => undefined,
        failed: (error) => (isOcicatError(error) && error.code === "KUBERNETES_410" ? resolve() : reject(error)),
      }),
    );
  }

  #take(object: ApiObject | undefined): void {
    const { namespace } = this.#options;
    this.#set(object === undefined ? `there is no secret ${namespace}/${this.#name}` : contentsOf(object));
  }

  /** What was known stays: a server that is away has taken nothing back. A right that is gone has. */
  #fail(error: unknown): void {
    const { namespace } = this.#options;
    const code = isOcicatError(error) ? error.code : "";
    if (code !== "KUBERNETES_403") return;
    this.#set(
      `the agent may not read secret ${namespace}/${this.#name}: give its service account list and watch of it, by resourceNames`,
    );
  }

  #set(state: ReadonlyMap<string, string> | string): void {
    this.#state = state;
    const text = textOf(state);
    if (text === this.#told) return;
    this.#told = text;
    this.#changed();
  }
}

/** Until what was begun resolves, or rejects; the scope's end stops it. */
function untilEnd(
  scope: Scope,
  begin: (resolve: () => void, reject: (error: Error) => void) => () => void,
): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const stop = begin(resolve, reject);
  const forget = scope.add("secret", () => {
    stop();
    resolve();
  });
  return promise.finally(forget);
}

/** For comparing. */
function textOf(state: ReadonlyMap<string, string> | string): string {
  return typeof state === "string" ? state : JSON.stringify([...state]);
}

/** Values are in base64 (RFC 4648 §4). */
function contentsOf({ data }: ApiObject): ReadonlyMap<string, string> {
  const entries = Object.entries(isObject(data) ? data : {});
  return new Map(
    entries.flatMap(([key, value]) =>
      typeof value === "string" ? [[key, Buffer.from(value, "base64").toString("utf8")] as const] : [],
    ),
  );
}

/** What the first has; else what the other says. */
export function eitherSecrets(first: Secrets, other: Secrets): Secrets {
  return {
    read(ref) {
      const answer = first.read(ref);
      return "value" in answer ? answer : other.read(ref);
    },
    subscribe(listener) {
      first.subscribe(listener);
      other.subscribe(listener);
    },
  };
}
