import { Worker } from "node:worker_threads";
import type { Logger } from "@ocicat/kit";
import type { BfdReport, BfdWish, FromThread, ToThread } from "./wishes.ts";

export interface BfdThreadOptions {
  readonly logger: Logger;
  /** A session has changed its state. */
  readonly onState: (report: BfdReport, before: BfdReport["state"]) => void;
}

/** Sessions in a thread of their own, begun when the first one is wanted. */
export class BfdThread {
  readonly #options: BfdThreadOptions;
  #worker: Worker | undefined;
  #told = "[]";
  readonly #reports = new Map<string, BfdReport>();

  constructor(options: BfdThreadOptions) {
    this.#options = options;
  }

  /** Makes these all there are. */
  want(wishes: readonly BfdWish[]): void {
    const text = JSON.stringify(wishes);
    if (text === this.#told) return;
    this.#told = text;
    const names = new Set(wishes.map(({ name }) => name));
    for (const name of this.#reports.keys()) if (!names.has(name)) this.#reports.delete(name);
    this.#worker ??= this.#begin();
    this.#worker.postMessage({ wishes, end: false } satisfies ToThread);
  }

  /** By name; those of which nothing was heard yet are not there. */
  get reports(): ReadonlyMap<string, BfdReport> {
    return this.#reports;
  }

  /** The other sides are told that it is on purpose. */
  async stop(): Promise<void> {
    const worker = this.#worker;
    this.#worker = undefined;
    if (worker === undefined) return;
    const ended = new Promise<void>((resolve) => worker.once("exit", () => resolve()));
    worker.postMessage({ wishes: [], end: true } satisfies ToThread);
    await ended;
  }

  #begin(): Worker {
    const { logger } = this.#options;
    // Built, it is JavaScript; from its source it is not.
    const program = import.meta.filename.endsWith(".ts") ? "./worker.ts" : "./worker.js";
    const worker = new Worker(new URL(program, import.meta.url));
    worker.on("message", (message: FromThread) => this.#take(message));
    worker.on("error", (error) => logger.error("the thread of BFD has ended", { error: error.message }));
    // It keeps no process from ending.
    worker.unref();
    return worker;
  }

  #take(message: FromThread): void {
    const { logger, onState } = this.#options;
    if (message.type === "problem") {
      logger.warning("BFD is hindered", { what: message.what, why: message.why });
      return;
    }
    const { name, state, diagnostic, remoteState } = message;
    const before = this.#reports.get(name)?.state ?? "Down";
    const report = { name, state, diagnostic, remoteState };
    this.#reports.set(name, report);
    if (state !== before) logger.info("BFD", { peer: name, state, diagnostic });
    onState(report, before);
  }
}
