import type { Origin } from "@ocicat/kit";
import type { DataType } from "./data-type.ts";
import type { Value } from "./value.ts";
import type { Verdict } from "./verdict.ts";

export interface SetElement {
  readonly kind: "element";
  /** One value a field of the set's key. */
  readonly key: readonly Value[];
  /** In verdict maps. */
  readonly verdict: Verdict | undefined;
  /** Seconds after which it goes by itself; only in sets with `timeout`, and undefined there: it stays. */
  readonly timeout: number | undefined;
  readonly origin: Origin;
  /** As read from the kernel; undefined in an element made here. */
  readonly comment: string | undefined;
}

/** What a set is, apart from what it holds. */
export interface SetShape {
  readonly name: string;
  /** Several: a concatenated key. */
  readonly key: readonly DataType[];
  /** `verdict` makes it a verdict map. */
  readonly data: "none" | "verdict";
  /**
   * Holds blocks and ranges (a tree: 40–400 µs an element) instead of single values (a hash table: 5–7 µs whatever its
   * size). Intervals of a concatenated key are not made yet.
   */
  readonly interval: boolean;
  /** Elements may go by themselves. Whether one is still there only the kernel knows. */
  readonly timeout: boolean;
}

export interface NamedSet extends SetShape {
  readonly kind: "set";
  readonly origin: Origin;
  readonly elements: readonly SetElement[];
}

export interface SetOptions {
  readonly name: string;
  readonly key: DataType | readonly DataType[];
  readonly interval?: boolean;
  readonly timeout?: boolean;
  readonly origin: Origin;
  readonly elements?: Iterable<SetElement>;
}

export function set(options: SetOptions): NamedSet {
  return named(options, "none");
}

export function verdictMap(options: SetOptions): NamedSet {
  return named(options, "verdict");
}

export function element(
  origin: Origin,
  key: Value | readonly Value[],
  verdict?: Verdict,
  options: { readonly timeout?: number } = {},
): SetElement {
  const fields = Object.freeze("kind" in key ? [key] : [...key]);
  const { timeout } = options;
  return Object.freeze({ kind: "element", key: fields, verdict, timeout, origin, comment: undefined });
}

function named(options: SetOptions, data: SetShape["data"]): NamedSet {
  return Object.freeze({
    kind: "set",
    name: options.name,
    key: Object.freeze(typeof options.key === "string" ? [options.key] : [...options.key]),
    data,
    interval: options.interval ?? false,
    timeout: options.timeout ?? false,
    origin: options.origin,
    elements: Object.freeze([...(options.elements ?? [])]),
  });
}
