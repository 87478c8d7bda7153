import { isObject } from "@ocicat/api";
import { OcicatError, toError } from "@ocicat/kit";
import { type Ipv4, parseAddress } from "@ocicat/net";

/** Fields of an object, each checked as it is taken. What is in it and not named is refused. */
export function fieldsIn(value: unknown, where: string, names: readonly string[]) {
  if (!isObject(value)) throw bad(where, "is no object", "give fields with values");
  const strange = Object.keys(value).find((name) => !names.includes(name));
  if (strange !== undefined) throw bad(where, `there is no field ${strange}`, `use ${names.join(", ")}`);
  const of = (name: string): unknown => value[name];
  const wrong = (name: string, wanted: string) => bad(where, `${name} is not ${wanted}`, `give ${wanted}`);
  return {
    /** Unchecked. */
    value: of,
    text(name: string): string | undefined {
      const field = of(name);
      if (field === undefined || typeof field === "string") return field;
      if (typeof field === "number") return String(field);
      throw wrong(name, "text");
    },
    flag(name: string): boolean | undefined {
      const field = of(name);
      if (field === undefined || typeof field === "boolean") return field;
      throw wrong(name, "true or false");
    },
    number(name: string, least: number, most: number): number | undefined {
      const field = of(name);
      if (field === undefined) return undefined;
      if (typeof field === "number" && Number.isInteger(field) && field >= least && field <= most) return field;
      throw wrong(name, `a number from ${least} to ${most}`);
    },
    ipv4(name: string): Ipv4 | undefined {
      const field = of(name);
      if (field === undefined) return undefined;
      const address = typeof field === "string" ? attempt(where, () => parseAddress(field)) : undefined;
      if (typeof address === "number") return address;
      throw wrong(name, "an IPv4 address");
    },
    list(name: string): readonly unknown[] {
      const field = of(name) ?? [];
      if (Array.isArray(field)) return field;
      throw wrong(name, "a list");
    },
    entries(name: string): readonly (readonly [string, unknown])[] {
      const field = of(name) ?? {};
      if (isObject(field)) return Object.entries(field);
      throw wrong(name, "an object");
    },
  };
}

export type Fields = ReturnType<typeof fieldsIn>;

/** The same error with its place. */
export function attempt<T>(where: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw bad(where, toError(error).message, undefined);
  }
}

export function missing(where: string, field: string, fix: string): never {
  throw bad(where, `${field} is missing`, fix);
}

export function bad(where: string, what: string, fix: string | undefined): OcicatError {
  return new OcicatError({ code: "BGP_SPEAK_CONFIG", where, what, fix });
}
