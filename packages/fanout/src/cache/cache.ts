import { orderOf } from "./order.ts";
import { Stream, type StreamOptions } from "./stream.ts";

/** Streams as they are first asked for, each kept from then on: what nobody asks for costs nothing upstream. */
export class Cache {
  readonly #options: StreamOptions;
  readonly #streams = new Map<string, Stream>();

  constructor(options: StreamOptions) {
    this.#options = options;
  }

  /** Of a range of keys below one prefix; undefined: it is of several orders. */
  streamOf(prefix: string): Stream | undefined {
    const order = orderOf(prefix);
    if (order === undefined) return undefined;
    const known = this.#streams.get(order);
    if (known !== undefined) return known;
    const stream = new Stream(order, this.#options);
    this.#streams.set(order, stream);
    return stream;
  }

  /** The highest revision of them all. */
  get revision(): bigint {
    let highest = 0n;
    for (const { revision } of this.#streams.values()) if (revision > highest) highest = revision;
    return highest;
  }

  streams(): IterableIterator<Stream> {
    return this.#streams.values();
  }
}
