import type { PlaceOf, TextPlace } from "@ocicat/api";
import { type JsonValue, OcicatError, toError } from "@ocicat/kit";
import type { Document, LineCounter, Pair, YAMLMap } from "yaml";

/** A document, or an item of a list in one, as it was written. */
export interface SourceDocument {
  /** Plain data; integers beyond 2^53 are bigint. */
  readonly value: unknown;
  readonly position: { readonly file: string; readonly document: number; readonly line: number };
  /** Where a field (`spec.ports[2].name`) is, or what is around it where it is missing. */
  readonly placeOf: PlaceOf;
}

type Yaml = typeof import("yaml");

/**
 * Reads YAML, of which JSON is a part, with any number of documents. A list (`kind: IPPoolList`, as get prints it, or a
 * bare one) stands for its items; documents without content are passed over. Throws OcicatError MANIFEST_SYNTAX.
 */
export async function readDocuments(text: string, file: string): Promise<readonly SourceDocument[]> {
  const yaml = await import("yaml");
  const lines = new yaml.LineCounter();
  // Twelve-hundred-and-one is an integer, "yes" is a word: YAML 1.2's core schema, with Go's merge keys.
  const parsed = yaml.parseAllDocuments(text, { lineCounter: lines, intAsBigInt: true, merge: true, stringKeys: true });
  if (!Array.isArray(parsed)) return [];
  return parsed.flatMap((document, index) => {
    const problem = document.errors[0] ?? document.warnings[0];
    if (problem !== undefined) {
      const { line, col } = lines.linePos(problem.pos[0]);
      throw syntaxError(`${file}, document ${index + 1}, line ${line}, column ${col}`, problem.message, problem);
    }
    return isEmpty(yaml, document) ? [] : sourcesIn({ yaml, document, lines, text, file, number: index + 1 });
  });
}

/** One value, a list too, in YAML or JSON: a patch is no resource. Throws OcicatError MANIFEST_SYNTAX. */
export async function readValue(text: string, where: string): Promise<JsonValue> {
  const yaml = await import("yaml");
  const lines = new yaml.LineCounter();
  const document = yaml.parseDocument(text, { lineCounter: lines, intAsBigInt: true, merge: true, stringKeys: true });
  const problem = document.errors[0] ?? document.warnings[0];
  if (problem !== undefined) {
    const { line, col } = lines.linePos(problem.pos[0]);
    throw syntaxError(`${where}, line ${line}, column ${col}`, problem.message, problem);
  }
  // YAML with text for keys holds what JSON does.
  return plain({ document, where }) as JsonValue;
}

interface Parsed {
  readonly yaml: Yaml;
  readonly document: Document.Parsed;
  readonly lines: LineCounter;
  /** Of the whole file. */
  readonly text: string;
  readonly file: string;
  /** Of the document in its file, from 1. */
  readonly number: number;
}

/** Between two lines of dashes there may be nothing, or words for people. */
function isEmpty(yaml: Yaml, { contents }: Document.Parsed): boolean {
  return contents === null || (yaml.isScalar(contents) && contents.value === null && contents.source === "");
}

function sourcesIn(parsed: Parsed): readonly SourceDocument[] {
  const { document } = parsed;
  const value = plain({ document, where: `${parsed.file}, document ${parsed.number}` });
  const { contents } = document;
  const items = itemsOf(parsed.yaml, contents, value);
  if (items === undefined) return [sourceOf(parsed, contents, value)];
  return items.values.map((item, index) => sourceOf(parsed, items.nodes?.[index] ?? contents, item));
}

function sourceOf(parsed: Parsed, node: unknown, value: unknown): SourceDocument {
  const { yaml, lines, text, file, number } = parsed;
  const placeAt = (offset: number): TextPlace => {
    const { line, col } = lines.linePos(offset);
    return { line, column: col };
  };
  const start = yaml.isNode(node) && node.range ? node.range[0] : 0;
  return {
    value,
    position: { file, document: number, line: placeAt(start).line },
    placeOf(field, column) {
      const at = nodeAt(yaml, node, segmentsOf(field));
      const [from] = (yaml.isNode(at) ? at.range : undefined) ?? [start];
      return placeAt(yaml.isScalar(at) ? from + offsetIn(text.slice(from), at.value, column) : from);
    },
  };
}

/** Of a column of a scalar's value in how it is written; 0, its begin, where it is folded or has escapes. */
function offsetIn(source: string, value: unknown, column: number | undefined): number {
  if (column === undefined || typeof value !== "string") return 0;
  const quotes = /^["']?/.exec(source)?.[0].length ?? 0;
  return source.startsWith(value, quotes) ? quotes + column - 1 : 0;
}

/** The items that a document stands for, with their nodes where they are written out; undefined if it is no list. */
function itemsOf(yaml: Yaml, contents: unknown, value: unknown) {
  if (Array.isArray(value))
    return { values: value as unknown[], nodes: yaml.isSeq(contents) ? contents.items : undefined };
  if (!isObject(value) || !Array.isArray(value.items)) return undefined;
  if (typeof value.kind !== "string" || !value.kind.endsWith("List")) return undefined;
  const sequence = yaml.isMap(contents) ? contents.get("items", true) : undefined;
  return { values: value.items as unknown[], nodes: yaml.isSeq(sequence) ? sequence.items : undefined };
}

/** The deepest node on the way to a field: the scalar that it is, else its key, so that its own line is named. */
function nodeAt(yaml: Yaml, root: unknown, segments: readonly (string | number)[]): unknown {
  let node = root;
  let deepest = root;
  for (const segment of segments) {
    if (typeof segment === "number" && yaml.isSeq(node)) {
      node = node.items[segment];
      deepest = node ?? deepest;
    } else if (yaml.isMap(node)) {
      const pair = pairOf(yaml, node, String(segment));
      deepest = pair?.key ?? deepest;
      node = pair?.value;
    } else {
      return deepest;
    }
  }
  return yaml.isScalar(node) ? node : deepest;
}

function pairOf(yaml: Yaml, map: YAMLMap, name: string): Pair | undefined {
  return map.items.find(({ key }) => yaml.isScalar(key) && String(key.value) === name);
}

/** `spec.ports[2].name`, `metadata.labels["a/b"]` → its parts. */
function segmentsOf(field: string): readonly (string | number)[] {
  const parts = field.matchAll(/\["((?:[^"\\]|\\.)*)"\]|\[(\d+)\]|([^.[\]]+)/g);
  return [...parts].map(([, quoted, index, name]) => (index === undefined ? (quoted ?? name ?? "") : Number(index)));
}

function plain({ document, where }: { readonly document: Document; readonly where: string }): unknown {
  try {
    return exactNumbers(document.toJS());
  } catch (error) {
    // Aliases that multiply beyond measure, or that nothing is behind.
    throw syntaxError(where, toError(error).message, error);
  }
}

/** Integers were read as bigint; those that a number holds exactly become one again. */
function exactNumbers(value: unknown): unknown {
  if (typeof value === "bigint") return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  if (Array.isArray(value)) return value.map(exactNumbers);
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, exactNumbers(member)]));
}

function syntaxError(where: string, message: string, cause: unknown): OcicatError {
  const what = (message.split("\n")[0] ?? "bad YAML").replace(/ at line \d+, column \d+:?$/, "");
  return new OcicatError({ code: "MANIFEST_SYNTAX", where, what, fix: "mend the YAML", cause });
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
