import { ByteReader, TruncatedError } from "@ocicat/net";
import { BgpError } from "../../error.ts";
import type { CodecContext } from "../context.ts";
import {
  type AttributeDescriptor,
  type DecodedAttributes,
  FLAG,
  MalformedValue,
  type Treatment,
} from "./descriptor.ts";
import { ATTRIBUTE_BY_CODE } from "./table.ts";
import type { UnknownAttribute } from "./types.ts";

/** Something wrong with an attribute that the session survives. */
export interface AttributeProblem {
  readonly code: number;
  readonly name: string;
  readonly treatment: Exclude<Treatment, "reset">;
  readonly what: string;
}

export interface AttributeList {
  readonly known: DecodedAttributes;
  readonly unknown: readonly UnknownAttribute[];
  readonly problems: readonly AttributeProblem[];
}

/** Where an attribute is in the list: from `start` to `end`, its value from `value` on. */
interface RawAttribute {
  readonly flags: number;
  readonly code: number;
  readonly list: Uint8Array;
  readonly start: number;
  readonly value: number;
  readonly end: number;
}

/**
 * Decodes the path attributes of an UPDATE. Throws BgpError for what ends the session; everything milder (RFC 7606 §3) is a
 * problem in the result. A malformed list (an attribute that does not fit) ends the list where it is met: RFC 7606 §4.
 */
export function decodeAttributes(bytes: Uint8Array, context: CodecContext): AttributeList {
  const known: DecodedAttributes = {};
  const unknown: UnknownAttribute[] = [];
  const problems: AttributeProblem[] = [];
  const seen = new Set<number>();
  for (let at = 0; at < bytes.length; ) {
    const attribute = cut(bytes, at, problems);
    if (attribute === undefined) break;
    at = attribute.end;
    const descriptor = ATTRIBUTE_BY_CODE.get(attribute.code);
    if (seen.has(attribute.code)) {
      problems.push(repeated(attribute, descriptor));
      continue;
    }
    seen.add(attribute.code);
    if (descriptor === undefined) keepUnknown(attribute, unknown);
    else readKnown(attribute, descriptor, context, known, problems);
  }
  return { known, unknown: unknown.sort((a, b) => a.code - b.code), problems };
}

/** The attribute that begins at `start`; undefined: what is left is none. */
function cut(list: Uint8Array, start: number, problems: AttributeProblem[]): RawAttribute | undefined {
  const [left, flags, code] = [list.length - start, list[start] ?? 0, list[start + 1] ?? 0];
  const headerLength = (flags & FLAG.extended) === 0 ? 3 : 4;
  if (left < headerLength) {
    problems.push(problem(code, "withdraw", `${left} bytes are left, too few for an attribute`));
    return undefined;
  }
  const [first = 0, second = 0] = [list[start + 2], list[start + 3]];
  const length = headerLength === 3 ? first : (first << 8) | second;
  const value = start + headerLength;
  if (length > list.length - value) {
    problems.push(problem(code, "withdraw", `its length is ${length}, but ${list.length - value} bytes are left`));
    return undefined;
  }
  return { flags, code, list, start, value, end: value + length };
}

/** All of an attribute: the Data of a NOTIFICATION about it. */
function rawOf({ list, start, end }: RawAttribute): Uint8Array {
  return list.subarray(start, end);
}

/** RFC 7606 §3 g): the first one counts; a second MP attribute ends the session. */
function repeated(attribute: RawAttribute, descriptor: AttributeDescriptor | undefined): AttributeProblem {
  if (descriptor?.malformed === "reset") {
    throw new BgpError("update/malformed-attribute-list", `${descriptor.name} appears twice`);
  }
  return problem(attribute.code, "discard", "it appears twice; the first counts");
}

/** RFC 4271 §9: unknown optional attributes are passed on if transitive, with the partial bit, and else ignored. */
function keepUnknown(attribute: RawAttribute, unknown: UnknownAttribute[]): void {
  const { flags, code, list, value, end } = attribute;
  if ((flags & FLAG.optional) === 0) {
    throw new BgpError("update/unrecognized-well-known", `attribute ${code} is marked well-known and is not known`, {
      data: rawOf(attribute),
    });
  }
  if ((flags & FLAG.transitive) === 0) return;
  unknown.push({ code, flags: FLAG.optional | FLAG.transitive | FLAG.partial, value: list.slice(value, end) });
}

function readKnown(
  attribute: RawAttribute,
  descriptor: AttributeDescriptor,
  context: CodecContext,
  known: DecodedAttributes,
  problems: AttributeProblem[],
): void {
  const { code } = attribute;
  if (descriptor.internalOnly === true && !context.internal) {
    problems.push(problem(code, "discard", "it came from an external peer"));
    return;
  }
  const flags = attribute.flags & (FLAG.optional | FLAG.transitive);
  if (flags !== descriptor.flags) {
    // RFC 7606 §3 c). Which routes to withdraw, the MP attributes must still say.
    problems.push(problem(code, "withdraw", `its flags are 0x${attribute.flags.toString(16)}`));
    if (descriptor.malformed !== "reset") return;
  }
  const reader = new ByteReader(attribute.list, attribute.value, attribute.end);
  try {
    descriptor.read(reader, context, known);
    if (reader.left > 0) throw new MalformedValue("update/attribute-length", `${reader.left} bytes too long`);
  } catch (error) {
    delete known[descriptor.key];
    const malformed = asMalformed(error);
    if (descriptor.malformed === "reset") {
      throw new BgpError(malformed.kind, `${descriptor.name}: ${malformed.message}`, {
        data: rawOf(attribute),
        cause: error,
      });
    }
    problems.push(problem(code, descriptor.malformed, malformed.message));
  }
}

function asMalformed(error: unknown): MalformedValue {
  if (error instanceof MalformedValue) return error;
  if (error instanceof TruncatedError) return new MalformedValue("update/attribute-length", "too short");
  throw error;
}

function problem(code: number, treatment: AttributeProblem["treatment"], what: string): AttributeProblem {
  return { code, name: ATTRIBUTE_BY_CODE.get(code)?.name ?? `attribute ${code}`, treatment, what };
}
