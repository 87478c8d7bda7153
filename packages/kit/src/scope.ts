/**
 * A lifetime. What is opened in a scope (sockets, timers, watches) is closed with it, last opened first closed.
 * A scope closes once; closing continues past failures and reports them together.
 */
export class Scope {
  readonly name: string;
  #closers: { readonly what: string; readonly close: () => void | Promise<void> }[] = [];
  #closing: Promise<void> | undefined;

  constructor(name: string) {
    this.name = name;
  }

  get closed(): boolean {
    return this.#closing !== undefined;
  }

  /** Registers what to do at the end. On a scope already closed it is done at once. Returns a function that forgets it. */
  add(what: string, close: () => void | Promise<void>): () => void {
    const entry = { what, close };
    if (this.#closing !== undefined) {
      void Promise.resolve(close());
      return () => {};
    }
    this.#closers.push(entry);
    return () => {
      this.#closers = this.#closers.filter((other) => other !== entry);
    };
  }

  /** A scope that ends with this one, or before. */
  child(name: string): Scope {
    const child = new Scope(`${this.name}/${name}`);
    const forget = this.add(name, () => child.close());
    child.add("parent", forget);
    return child;
  }

  /** What is still open, in order of opening: for leak tests. */
  open(): string[] {
    return this.#closers.map((entry) => entry.what);
  }

  /** What `open` opens here stays open if all of it can be; else the scope is closed, and the failure thrown. */
  async whole<T>(open: () => Promise<T>): Promise<T> {
    try {
      return await open();
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(): Promise<void> {
    const failures: unknown[] = [];
    for (let entry = this.#closers.pop(); entry !== undefined; entry = this.#closers.pop()) {
      try {
        await entry.close();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw new AggregateError(failures, `closing ${this.name}: ${failures.length} failed`);
  }
}
