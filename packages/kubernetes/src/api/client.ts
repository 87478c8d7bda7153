import { systemClock, systemRandom } from "@ocicat/datastore/etcd";
import { type Clock, type Logger, type Random, silentLogger, stringifyJson } from "@ocicat/kit";
import { authorityOf, Credentials, type Target } from "../config/index.ts";
import { type Answered, Call, type CallEnvironment, type CallRequest } from "./call.ts";
import { Connections } from "./connections.ts";
import { dial } from "./dial.ts";
import { ApiError } from "./errors.ts";
import { type ApiList, type ApiObject, type ApiResource, pathOf, type Verb } from "./resource.ts";
import { type WatchListener, WatchStream } from "./watch.ts";

export interface ApiOptions {
  readonly target: Target;
  /** What a call may take without a sign of life, with waiting for a connection and repeating, in milliseconds; 10,000 unless told. */
  readonly timeoutMs?: number;
  /** Who this is, for the server's log. */
  readonly userAgent?: string;
  /** Told of each exchange when it is over: for counting. */
  readonly onAnswer?: (answer: Answered) => void;
  readonly clock?: Clock;
  readonly random?: Random;
  readonly logger?: Logger;
}

/** Which objects of a collection. */
export interface Selection {
  /** Of one namespace; undefined: of all. */
  readonly namespace?: string | undefined;
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
}

export interface ListRequest extends Selection {
  /** At most this many a page. */
  readonly limit?: number | undefined;
  /** Of the page before. */
  readonly continue?: string | undefined;
  /** Exactly as of this version; undefined: now. */
  readonly resourceVersion?: string | undefined;
}

export interface Place {
  readonly namespace: string | undefined;
  readonly name: string;
}

export interface Preconditions {
  readonly uid?: string | undefined;
  readonly resourceVersion?: string | undefined;
}

/** Reads JSON whose integers a number holds, as all do but IPAM's. */
const plainly = (text: string): unknown => JSON.parse(text);

/** How long a connection may take, in milliseconds. */
const CONNECT_MS = 5_000;
/** A silent API server is asked for a sign of life: watches may be silent for a minute, calls should not. */
const KEEP_ALIVE = { idleMs: 15_000, busyMs: 3_000, timeoutMs: 5_000 };

/**
 * The API of a cluster: objects as JSON, over one HTTP/2 connection that is made again whenever it is lost. All methods
 * throw ApiError. `parse`: for objects with integers beyond 2^53.
 */
export class ApiClient {
  readonly #environment: CallEnvironment;
  readonly #connections: Connections;
  readonly #prefix: string;
  readonly #calls = new Set<Call>();
  readonly #watches = new Set<WatchStream>();

  constructor(options: ApiOptions) {
    const { target, clock = systemClock, random = systemRandom, logger = silentLogger } = options;
    const name = `${target.server.scheme}://${authorityOf(target.server)}`;
    this.#connections = new Connections({
      places: [{ name, dial: (signal) => dial(target, { clock, timeoutMs: CONNECT_MS, signal }) }],
      what: "API server",
      keepAlive: KEEP_ALIVE,
      clock,
      random,
      logger,
    });
    this.#prefix = target.server.prefix;
    this.#environment = {
      connection: this.#connections.first,
      credentials: new Credentials(target.token, clock),
      clock,
      random,
      logger,
      timeoutMs: options.timeoutMs ?? 10_000,
      userAgent: options.userAgent ?? "ocicat",
      onAnswer: options.onAnswer,
    };
  }

  /** True while there is a connection. */
  get connected(): boolean {
    return this.#connections.first.session !== undefined;
  }

  /** A connection from this address hears nothing more: it is made again at once. */
  localAddressGone(address: string): void {
    this.#connections.localAddressGone(address);
  }

  /** Undefined: there is no such object. */
  async get(resource: ApiResource, place: Place, parse = plainly): Promise<ApiObject | undefined> {
    try {
      return await this.#one("get", "GET", resource, place, {}, parse);
    } catch (error) {
      if (error instanceof ApiError && error.status === 404 && isOfObject(error)) return undefined;
      throw error;
    }
  }

  async list(resource: ApiResource, request: ListRequest, parse = plainly): Promise<ApiList> {
    const { namespace, limit, resourceVersion, ...rest } = request;
    const path = `${pathOf(resource, { namespace })}${query({
      ...rest,
      limit: limit?.toString(),
      // With a token of the page before, the version is the token's.
      ...(resourceVersion === undefined || rest.continue !== undefined
        ? {}
        : { resourceVersion, resourceVersionMatch: "Exact" }),
    })}`;
    const body = await this.#call({
      verb: "list",
      method: "GET",
      path,
      body: undefined,
      contentType: undefined,
      what: `list ${titleOf(resource, request)}`,
    });
    const { items, metadata } = parse(body.toString("utf8")) as {
      readonly items: readonly ApiObject[] | null;
      readonly metadata: { readonly resourceVersion: string; readonly continue?: string };
    };
    return { items: items ?? [], resourceVersion: metadata.resourceVersion, continue: metadata.continue || undefined };
  }

  create(resource: ApiResource, namespace: string | undefined, object: object, parse = plainly): Promise<ApiObject> {
    const path = pathOf(resource, { namespace });
    const what = `create ${titleOf(resource, { namespace })}`;
    return this.#written(
      { verb: "create", method: "POST", path, body: bytesOf(object), contentType: JSON_TYPE, what },
      parse,
    );
  }

  /** The whole object; with metadata.resourceVersion only over that version. */
  replace(resource: ApiResource, place: Place, object: object, parse = plainly): Promise<ApiObject> {
    return this.#one("update", "PUT", resource, place, { body: object, contentType: JSON_TYPE }, parse);
  }

  /**
   * A merge patch (RFC 7396), or a strategic one of Kubernetes, which adds to lists by their items' keys; with metadata.resourceVersion or .uid in it only
   * over that version, or that object.
   */
  patch(
    resource: ApiResource,
    place: Place,
    patch: object,
    options: { readonly subresource?: string | undefined; readonly strategic?: boolean } = {},
    parse = plainly,
  ): Promise<ApiObject> {
    const { subresource, strategic = false } = options;
    const contentType = `application/${strategic ? "strategic-merge-patch" : "merge-patch"}+json`;
    return this.#one("patch", "PATCH", resource, place, { body: patch, contentType, subresource }, parse);
  }

  /** Returns once it is gone, or marked to go when those who hold it let it. */
  async delete(
    resource: ApiResource,
    place: Place,
    preconditions: Preconditions = {},
    gracePeriodSeconds?: number,
  ): Promise<void> {
    const body = { kind: "DeleteOptions", apiVersion: "v1", preconditions, gracePeriodSeconds };
    await this.#one("delete", "DELETE", resource, place, { body, contentType: JSON_TYPE }, plainly);
  }

  /** Changes after `resourceVersion`; ends with the function returned, or with the listener's `failed`. */
  watch(
    resource: ApiResource,
    selection: Selection,
    resourceVersion: string,
    listener: WatchListener,
    parse = plainly,
  ): () => void {
    const { namespace, ...selectors } = selection;
    const path = (version: string) =>
      `${this.#prefix}${pathOf(resource, { namespace })}${query({
        ...selectors,
        watch: "true",
        allowWatchBookmarks: "true",
        resourceVersion: version,
      })}`;
    const what = `watch ${titleOf(resource, selection)}`;
    const { connection, release } = this.#connections.take();
    const end = () => {
      this.#watches.delete(stream);
      release();
    };
    const request = { path, resourceVersion, what, parse };
    const stream = new WatchStream({ ...this.#environment, connection }, request, {
      change: (type, object) => listener.change(type, object),
      progress: (version) => listener.progress(version),
      failed(error) {
        end();
        listener.failed(error);
      },
    });
    this.#watches.add(stream);
    return () => {
      stream.close();
      end();
    };
  }

  /** Ends what is under way with `error`, and the connection. */
  async close(error: Error = new Error("the client was closed")): Promise<void> {
    for (const watch of this.#watches) watch.close();
    this.#watches.clear();
    for (const call of this.#calls) call.abandon(error);
    await this.#connections.close();
  }

  #one(
    verb: Verb,
    method: string,
    resource: ApiResource,
    place: Place,
    more: { readonly body?: object; readonly contentType?: string; readonly subresource?: string | undefined },
    parse: (text: string) => unknown,
  ): Promise<ApiObject> {
    const { body, contentType, subresource } = more;
    const path = pathOf(resource, { ...place, subresource });
    const what = `${verb} ${titleOf(resource, place)}`;
    const bytes = body === undefined ? undefined : bytesOf(body);
    return this.#written({ verb, method, path, body: bytes, contentType, what }, parse);
  }

  async #written(request: CallRequest, parse: (text: string) => unknown): Promise<ApiObject> {
    // The server's word for it: an object of the collection asked.
    return parse((await this.#call(request)).toString("utf8")) as ApiObject;
  }

  async #call(request: CallRequest): Promise<Buffer> {
    const call = new Call(this.#environment, { ...request, path: this.#prefix + request.path });
    this.#calls.add(call);
    try {
      return await call.promise;
    } finally {
      this.#calls.delete(call);
    }
  }
}

const JSON_TYPE = "application/json";

function bytesOf(object: object): Buffer {
  return Buffer.from(stringifyJson(object), "utf8");
}

function query(parameters: Readonly<Record<string, string | undefined>>): string {
  const given = Object.entries(parameters).flatMap(([name, value]) =>
    value === undefined || value === "" ? [] : [`${name}=${encodeURIComponent(value)}`],
  );
  return given.length === 0 ? "" : `?${given.join("&")}`;
}

/** `pods default/web-1`, for messages. */
function titleOf(
  { group, plural }: ApiResource,
  { namespace, name }: { namespace?: string | undefined; name?: string },
): string {
  const kind = group === "" ? plural : `${plural}.${group}`;
  const object = [namespace, name].filter((part) => part !== undefined).join("/");
  return object === "" ? kind : `${kind} ${object}`;
}

/** A server that does not know the collection says 404 as well, with another text. */
function isOfObject({ reason, told }: ApiError): boolean {
  return reason === "NotFound" && !told.includes("could not find the requested resource");
}
