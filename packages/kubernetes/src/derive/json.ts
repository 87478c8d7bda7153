import { isObject } from "@ocicat/api";

/** Narrow looks at JSON of which nothing is known: what is not as it should be is not there. */
export type JsonObject = Readonly<Record<string, unknown>>;

const NOTHING: JsonObject = Object.freeze({});

export function objectIn(value: unknown): JsonObject {
  return isObject(value) ? value : NOTHING;
}

export function listIn(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** Empty text is none, as it is for Go. */
export function textIn(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

export function textsIn(value: unknown): readonly string[] {
  return listIn(value).filter((each): each is string => typeof each === "string");
}

/** Members that are no text are left out; empty ones are kept. */
export function textMapIn(value: unknown): Readonly<Record<string, string>> {
  const members = Object.entries(objectIn(value));
  const texts = members.filter((member): member is [string, string] => typeof member[1] === "string");
  return Object.fromEntries(texts);
}

export function isEmpty(value: object): boolean {
  return Object.keys(value).length === 0;
}

/** JSON in a text, as annotations have it; undefined where it is none. */
export function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
