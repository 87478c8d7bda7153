import { isObject } from "@ocicat/api";
import { reasonOf } from "./rule.ts";

/** The fields of a spec that nobody has checked. What is not what it should be is undefined, and noted. */
export class FieldReader {
  readonly problems: string[] = [];
  readonly #spec: Readonly<Record<string, unknown>>;

  constructor(spec: unknown) {
    if (!isObject(spec)) this.problems.push("it has no spec");
    this.#spec = isObject(spec) ? spec : {};
  }

  /** Not given where it is empty. */
  text(name: string): string | undefined {
    const value = this.#get(name);
    if (value === undefined || value === "") return undefined;
    return typeof value === "string" ? value : this.refuse(name, "is not text");
  }

  number(name: string): number | undefined {
    const value = this.#get(name);
    if (value === undefined) return undefined;
    return typeof value === "number" && !Number.isNaN(value) ? value : this.refuse(name, "is not a number");
  }

  flag(name: string): boolean | undefined {
    const value = this.#get(name);
    if (value === undefined) return undefined;
    return typeof value === "boolean" ? value : this.refuse(name, "is neither true nor false");
  }

  list(name: string): readonly unknown[] | undefined {
    const value = this.#get(name);
    if (value === undefined) return undefined;
    return Array.isArray(value) ? value : this.refuse(name, "is not a list");
  }

  oneOf<const T extends string>(name: string, choices: readonly T[]): T | undefined {
    const value = this.#get(name);
    if (value === undefined || value === "") return undefined;
    return choices.find((choice) => choice === value) ?? this.refuse(name, `is none of ${choices.join(", ")}`);
  }

  /** Not given where it is empty. */
  listOf<const T extends string>(name: string, choices: readonly T[]): readonly T[] | undefined {
    const given = this.list(name) ?? [];
    const known = choices.filter((choice) => given.includes(choice));
    const strange = given.some((value) => choices.every((choice) => choice !== value));
    if (strange) return this.refuse(name, `has something that is none of ${choices.join(", ")}`) ?? choices;
    return known.length === 0 ? undefined : known;
  }

  /** What a function makes of it; undefined if it throws. */
  attempt<T>(name: string, make: () => T): T | undefined {
    try {
      return make();
    } catch (error) {
      return this.refuse(name, reasonOf(error));
    }
  }

  refuse(name: string, why: string): undefined {
    this.problems.push(`spec.${name}: ${why}`);
  }

  /** Null is absent, as in Go. */
  #get(name: string): unknown {
    return Object.hasOwn(this.#spec, name) ? (this.#spec[name] ?? undefined) : undefined;
  }
}
