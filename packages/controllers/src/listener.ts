import { type Logger, type Scope, toError } from "@ocicat/kit";
import { type Routes, serveLocally } from "@ocicat/service";
import type { ControllersOptions } from "./options.ts";

/** Metrics and health over TCP, at the port that the configuration says, also when it says another. */
export class Listener {
  readonly #options: ControllersOptions;
  readonly #routes: Routes;
  readonly #logger: Logger;
  readonly #scope: Scope;
  #wanted = -1;
  #open: { readonly scope: Scope; readonly port: number } | undefined;
  #turn: Promise<void> = Promise.resolve();

  constructor(options: ControllersOptions, routes: Routes, logger: Logger, scope: Scope) {
    this.#options = options;
    this.#routes = routes;
    this.#logger = logger;
    this.#scope = scope;
  }

  /** 0: it is closed. */
  get port(): number {
    return this.#open?.port ?? 0;
  }

  /** Throws OcicatError CANNOT_LISTEN. */
  async open(port: number): Promise<void> {
    this.#wanted = port;
    const scope = this.#scope.child("metrics");
    const at = { host: this.#options.host, port };
    this.#open = { scope, ...(await serveLocally(at, this.#routes, this.#logger.child("health"), scope)) };
  }

  /** Goes where the configuration says, unless the environment says otherwise. */
  follow(port: number): Promise<void> {
    if (this.#options.port !== undefined || port === this.#wanted) return this.#turn;
    this.#wanted = port;
    this.#turn = this.#turn.then(() => this.#move(port));
    return this.#turn;
  }

  async #move(port: number): Promise<void> {
    await this.#open?.scope.close();
    this.#open = undefined;
    if (port === 0 || this.#scope.closed) return;
    try {
      await this.open(port);
      this.#logger.info("metrics moved", { port });
    } catch (error) {
      this.#logger.error("metrics cannot be served where the configuration says", { error: toError(error).message });
    }
  }
}
