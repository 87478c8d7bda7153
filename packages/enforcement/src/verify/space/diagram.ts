import { type Leaf, leafKey } from "./leaf.ts";

/**
 * Decision diagrams over packets: a function from the whole header space to a few leaves, as a graph.
 *
 *              protocol
 *        0-5 /  6 |   \ 7-255           One node asks one dimension of the packet; each of its edges is an interval of
 *           /     |    \                values. Dimensions are asked in one order, neighbours that lead to the same node are
 *          ·   source   ·               one edge, and equal nodes are one node: so two functions are equal exactly if their
 *             /      \                  nodes have the same number. That is the proof.
 *           …          …
 *
 * R. Bryant, Graph-Based Algorithms for Boolean Function Manipulation (1986); with intervals: K. Strehl and L. Thiele,
 * Symbolic Model Checking Using Interval Diagram Techniques (1998).
 */
export type Node = number & { readonly "#node": true };

/** `first` to `last`, both of it, lead to `to`. */
export interface Edge {
  readonly first: number;
  readonly last: number;
  readonly to: Node;
}

/**
 * Puts something in place of a diagram's leaves: the second diagram, or another leaf. Everything done with diagrams is one of
 * these: "and" puts the second diagram where the first says yes, a chain puts its second rule where the first goes on.
 */
export interface Operation {
  /**
   * The first of the dimensions that the first diagram's leaves may set to something else before the second is asked: what a
   * packet had there on its way in says nothing about what the second will find.
   */
  readonly rewrites?: number;
  readonly replace: (leaf: Leaf, at: Node, second: Node) => Node;
}

/** Behind every dimension: where a leaf stands in the order. */
const LEAF = 0xffff;

export class Diagrams {
  /** How many values each dimension has: 0 to size - 1. */
  readonly #sizes: readonly number[];
  // By node.
  readonly #dimension: number[] = [];
  readonly #deepest: number[] = [];
  readonly #lasts: Int32Array[] = [];
  readonly #targets: Int32Array[] = [];
  readonly #leafOf = new Map<Node, Leaf>();

  readonly #byKey = new Map<string, Node>();
  readonly #byHash = new Map<number, Node[]>();
  readonly #applied = new Map<Operation, Map<number, Node>>();
  readonly #fixed = new Map<string, Map<Node, Node>>();

  constructor(sizes: readonly number[]) {
    this.#sizes = sizes;
  }

  /** How many nodes there are. */
  get size(): number {
    return this.#dimension.length;
  }

  leaf(leaf: Leaf): Node {
    const key = leafKey(leaf);
    let node = this.#byKey.get(key);
    if (node === undefined) {
      node = this.#add(LEAF, new Int32Array(), new Int32Array());
      this.#byKey.set(key, node);
      this.#leafOf.set(node, leaf);
    }
    return node;
  }

  /** Undefined for a node that asks something. */
  leafOf(node: Node): Leaf | undefined {
    return this.#leafOf.get(node);
  }

  /** What is asked first; undefined for a leaf. */
  dimensionOf(node: Node): number | undefined {
    return this.#leafOf.has(node) ? undefined : this.#at(node);
  }

  /** Where the value of what is asked first leads. */
  child(node: Node, value: number): Node {
    const lasts = this.#lasts[node] ?? new Int32Array();
    let [low, high] = [0, lasts.length - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((lasts[middle] ?? 0) < value) low = middle + 1;
      else high = middle;
    }
    return this.#target(node, low);
  }

  /** A value of each interval in which both nodes, as far as they ask the dimension, lead to one place each. */
  valuesOf(first: Node, second: Node, dimension: number): number[] {
    const lasts = [first, second].flatMap((node) =>
      this.#at(node) === dimension ? [...(this.#lasts[node] ?? [])] : [],
    );
    return [...new Set(lasts)].sort((a, b) => a - b);
  }

  /** Asks one dimension. The edges are in order and do not overlap; what is between them leads to `others`. */
  choice(dimension: number, edges: Iterable<Edge>, others: Node): Node {
    const list = new EdgeList();
    let next = 0;
    for (const { first, last, to } of edges) {
      if (first > next) list.push(first - 1, others);
      list.push(last, to);
      next = last + 1;
    }
    const end = this.#end(dimension);
    if (next <= end) list.push(end, others);
    return this.#node(dimension, list);
  }

  /** The first diagram with its leaves replaced. */
  apply(operation: Operation, first: Node, second: Node): Node {
    const leaf = this.#leafOf.get(first);
    if (leaf !== undefined) return operation.replace(leaf, first, second);
    let applied = this.#applied.get(operation);
    if (applied === undefined) {
      applied = new Map();
      this.#applied.set(operation, applied);
    }
    // Both are far below 2^26, so that the product is a whole number.
    const key = first * 2 ** 26 + second;
    let result = applied.get(key);
    if (result === undefined) {
      const isRewritten = Math.min(this.#at(first), this.#at(second)) >= (operation.rewrites ?? LEAF);
      result = isRewritten
        ? this.#rewrite(operation, first, second)
        : this.#split(first, second, (a, b) => this.apply(operation, a, b));
      applied.set(key, result);
    }
    return result;
  }

  /** The function where these dimensions have these values. */
  fix(node: Node, values: ReadonlyMap<number, number>): Node {
    if (values.size === 0) return node;
    const key = [...values].join(" ");
    let known = this.#fixed.get(key);
    if (known === undefined) {
      known = new Map();
      this.#fixed.set(key, known);
    }
    return this.#fix(node, values, Math.min(...values.keys()), known);
  }

  /** Where the packet with these values ends. */
  follow(node: Node, valueIn: (dimension: number) => number): Leaf {
    for (let at = node; ; ) {
      const leaf = this.#leafOf.get(at);
      if (leaf !== undefined) return leaf;
      at = this.child(at, valueIn(this.#at(at)));
    }
  }

  /** Only the first diagram asks what came in; the second is kept whole until it is known what it will find. */
  #rewrite(operation: Operation, first: Node, second: Node): Node {
    const dimension = this.#at(first);
    const [zero, one] = [0, 1].map((value) =>
      this.fix(this.apply(operation, this.child(first, value), second), new Map([[dimension, value]])),
    );
    return zero === undefined || one === undefined ? first : this.#either(dimension, zero, one);
  }

  /** Of a dimension of two values: the first node for 0, the second for 1. They do not ask it, and may ask what stands before it. */
  #either(dimension: number, zero: Node, one: Node): Node {
    if (zero === one) return zero;
    if (Math.min(this.#at(zero), this.#at(one)) < dimension) {
      return this.#split(zero, one, (a, b) => this.#either(dimension, a, b));
    }
    const edges = new EdgeList();
    edges.push(0, zero);
    edges.push(1, one);
    return this.#node(dimension, edges);
  }

  #fix(node: Node, values: ReadonlyMap<number, number>, shallowest: number, known: Map<Node, Node>): Node {
    if ((this.#deepest[node] ?? 0) < shallowest) return node;
    let result = known.get(node);
    if (result !== undefined) return result;
    const value = values.get(this.#at(node));
    result =
      value === undefined
        ? this.#split(node, node, (child) => this.#fix(child, values, shallowest, known))
        : this.#fix(this.child(node, value), values, shallowest, known);
    known.set(node, result);
    return result;
  }

  /** Asks the first dimension that either asks, and makes each interval's child from theirs. */
  #split(first: Node, second: Node, make: (first: Node, second: Node) => Node): Node {
    const dimension = Math.min(this.#at(first), this.#at(second));
    const [a, b] = [this.#cursor(first, dimension), this.#cursor(second, dimension)];
    const end = this.#end(dimension);
    const list = new EdgeList();
    for (let last = -1; last < end; ) {
      last = Math.min(a.last(), b.last());
      list.push(last, make(a.to(), b.to()));
      a.pass(last);
      b.pass(last);
    }
    return this.#node(dimension, list);
  }

  /** Goes along a node's edges; along one edge, if it does not ask this dimension. */
  #cursor(node: Node, dimension: number) {
    if (this.#at(node) !== dimension) {
      const end = this.#end(dimension);
      return { last: () => end, to: () => node, pass: () => undefined };
    }
    const lasts = this.#lasts[node] ?? new Int32Array();
    let index = 0;
    return {
      last: () => lasts[index] ?? 0,
      to: () => this.#target(node, index),
      pass: (last: number) => {
        if (lasts[index] === last) index++;
      },
    };
  }

  #node(dimension: number, { lasts, targets }: EdgeList): Node {
    const [only] = targets;
    if (targets.length === 1 && only !== undefined) return only;
    const hash = hashOf(dimension, lasts, targets);
    const alike = this.#byHash.get(hash) ?? [];
    for (const node of alike) {
      if (this.#at(node) !== dimension) continue;
      if (same(this.#lasts[node], lasts) && same(this.#targets[node], targets)) return node;
    }
    const node = this.#add(dimension, Int32Array.from(lasts), Int32Array.from(targets));
    alike.push(node);
    this.#byHash.set(hash, alike);
    return node;
  }

  #add(dimension: number, lasts: Int32Array, targets: Int32Array): Node {
    let deepest = dimension === LEAF ? -1 : dimension;
    for (const target of targets) deepest = Math.max(deepest, this.#deepest[target] ?? 0);
    this.#deepest.push(deepest);
    this.#lasts.push(lasts);
    this.#targets.push(targets);
    return (this.#dimension.push(dimension) - 1) as Node;
  }

  #at(node: Node): number {
    return this.#dimension[node] ?? LEAF;
  }

  #end(dimension: number): number {
    const size = this.#sizes[dimension];
    if (size === undefined) throw new RangeError(`there is no dimension ${dimension}`);
    return size - 1;
  }

  #target(node: Node, index: number): Node {
    return (this.#targets[node]?.[index] ?? 0) as Node;
  }
}

/** Edges in the making: neighbours that lead to the same node become one. */
class EdgeList {
  readonly lasts: number[] = [];
  readonly targets: Node[] = [];

  push(last: number, to: Node): void {
    const end = this.targets.length - 1;
    if (this.targets[end] === to) this.lasts[end] = last;
    else {
      this.lasts.push(last);
      this.targets.push(to);
    }
  }
}

function hashOf(dimension: number, lasts: readonly number[], targets: readonly number[]): number {
  let hash = dimension;
  for (let index = 0; index < lasts.length; index++) {
    hash = Math.imul(hash ^ (lasts[index] ?? 0), 0x0100_0193);
    hash = Math.imul(hash ^ (targets[index] ?? 0), 0x5bd1_e995) ^ (hash >>> 15);
  }
  return hash;
}

function same(a: Int32Array | undefined, b: readonly number[]): boolean {
  return a !== undefined && a.length === b.length && b.every((value, index) => value === a[index]);
}
