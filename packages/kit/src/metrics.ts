/** Metrics in Prometheus' text exposition format 0.0.4. Names and units follow its conventions (seconds, bytes, _total). */
type Labels = Readonly<Record<string, string>>;

/** Asked at each scrape: one value, or one for each set of labels. What is not told any more is not exposed any more. */
export type Reading = () => number | Iterable<readonly [labels: Labels, value: number]>;

interface Family {
  readonly name: string;
  readonly help: string;
  readonly type: "counter" | "gauge" | "histogram";
  lines(): Iterable<string>;
}

export class Counter implements Family {
  readonly type = "counter";
  readonly name: string;
  readonly help: string;
  readonly #values = new Map<string, number>();
  readonly #read: Reading | undefined;

  /** With `read`, the values are asked for at each scrape. */
  constructor(name: string, help: string, read?: Reading) {
    this.name = name;
    this.help = help;
    this.#read = read;
  }

  add(amount = 1, labels: Labels = {}): void {
    const key = renderLabels(labels);
    this.#values.set(key, (this.#values.get(key) ?? 0) + amount);
  }

  value(labels: Labels = {}): number {
    return this.#values.get(renderLabels(labels)) ?? 0;
  }

  *lines(): Iterable<string> {
    yield* readLines(this.name, this.#read);
    for (const [labels, value] of this.#values) yield `${this.name}${labels} ${value}`;
  }
}

export class Gauge implements Family {
  readonly type = "gauge";
  readonly name: string;
  readonly help: string;
  readonly #values = new Map<string, number>();
  readonly #read: Reading | undefined;

  /** With `read`, the values are asked for at each scrape. */
  constructor(name: string, help: string, read?: Reading) {
    this.name = name;
    this.help = help;
    this.#read = read;
  }

  set(value: number, labels: Labels = {}): void {
    this.#values.set(renderLabels(labels), value);
  }

  *lines(): Iterable<string> {
    yield* readLines(this.name, this.#read);
    for (const [labels, value] of this.#values) yield `${this.name}${labels} ${value}`;
  }
}

export class Histogram implements Family {
  readonly type = "histogram";
  readonly name: string;
  readonly help: string;
  readonly #bounds: readonly number[];
  readonly #counts: number[];
  #sum = 0;
  #total = 0;

  /** `bounds`: ascending upper bounds of the buckets; +Inf is added. */
  constructor(name: string, help: string, bounds: readonly number[]) {
    this.name = name;
    this.help = help;
    this.#bounds = bounds;
    this.#counts = bounds.map(() => 0);
  }

  observe(value: number): void {
    this.#sum += value;
    this.#total += 1;
    const index = this.#bounds.findIndex((bound) => value <= bound);
    if (index >= 0) this.#counts[index] = (this.#counts[index] ?? 0) + 1;
  }

  *lines(): Iterable<string> {
    let cumulative = 0;
    for (const [index, bound] of this.#bounds.entries()) {
      cumulative += this.#counts[index] ?? 0;
      yield `${this.name}_bucket{le="${bound}"} ${cumulative}`;
    }
    yield `${this.name}_bucket{le="+Inf"} ${this.#total}`;
    yield `${this.name}_sum ${this.#sum}`;
    yield `${this.name}_count ${this.#total}`;
  }
}

export class MetricsRegistry {
  readonly #families = new Map<string, Family>();

  /** Adds a family; a name can be used once. */
  register<F extends Family>(family: F): F {
    if (this.#families.has(family.name)) throw new Error(`metric ${family.name} is registered twice`);
    this.#families.set(family.name, family);
    return family;
  }

  counter(name: string, help: string, read?: Reading): Counter {
    return this.register(new Counter(name, help, read));
  }

  gauge(name: string, help: string, read?: Reading): Gauge {
    return this.register(new Gauge(name, help, read));
  }

  histogram(name: string, help: string, bounds: readonly number[]): Histogram {
    return this.register(new Histogram(name, help, bounds));
  }

  expose(): string {
    let text = "";
    for (const family of this.#families.values()) {
      text += `# HELP ${family.name} ${family.help}\n# TYPE ${family.name} ${family.type}\n`;
      for (const line of family.lines()) text += `${line}\n`;
    }
    return text;
  }
}

function* readLines(name: string, read: Reading | undefined): Iterable<string> {
  const reading = read?.();
  if (reading === undefined) return;
  if (typeof reading === "number") yield `${name} ${reading}`;
  else for (const [labels, value] of reading) yield `${name}${renderLabels(labels)} ${value}`;
}

function renderLabels(labels: Labels): string {
  const pairs = Object.entries(labels);
  if (pairs.length === 0) return "";
  const escaped = (value: string) => value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
  return `{${pairs.map(([name, value]) => `${name}="${escaped(value)}"`).join(",")}}`;
}
