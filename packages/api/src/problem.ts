import { OcicatError, stringifyJson } from "@ocicat/kit";

/** One thing wrong with a resource. */
export interface Problem {
  /** Where in the resource: `spec.cidr`, `metadata.labels["a/b"]`, `spec.ports[2]`; empty for the whole of it. */
  readonly field: string;
  /** The value found there; undefined where it is missing. */
  readonly value: unknown;
  /** Which rule it breaks: short, stable, lower case with dashes. */
  readonly rule: string;
  /** What is wrong, to follow the field and the value: "is not a network as address/length". */
  readonly message: string;
  /** Where in a text it stops making sense, counted from 1: of a selector. */
  readonly column?: number;
}

/** Where a resource was given, as a person would look for it. */
export interface DocumentPosition {
  readonly file?: string;
  /** Counted from 1. */
  readonly document?: number;
  readonly line?: number;
  readonly column?: number;
}

/** A place in a text, both counted from 1. */
export interface TextPlace {
  readonly line: number;
  readonly column: number;
}

/** Where a field's value is, or what is around it where it is missing; `column`: of a place in the value, if that is text. */
export type PlaceOf = (field: string, column?: number) => TextPlace;

/** A resource is refused whole, with everything that is wrong with it. */
export class ValidationError extends OcicatError {
  readonly problems: readonly Problem[];
  readonly resource: string;
  readonly position: DocumentPosition | undefined;

  constructor(resource: string, problems: readonly Problem[], position?: DocumentPosition, placeOf?: PlaceOf) {
    const [first, ...more] = problems.map((problem) => ({
      text: formatProblem(problem),
      place: placeOf?.(problem.field, problem.column),
    }));
    const others = more.map((other) => [...placeTexts(other.place), other.text].join(", "));
    super({
      code: "RESOURCE_INVALID",
      what: [first?.text ?? "", ...others].join("; "),
      where: whereOf(resource, first?.place === undefined ? position : { ...position, ...first.place }),
    });
    this.resource = resource;
    this.problems = problems;
    this.position = position;
  }

  /** The same, told where the resource came from, and if that is known on which line and column each field is. */
  at(position: DocumentPosition, placeOf?: PlaceOf): ValidationError {
    return new ValidationError(this.resource, this.problems, position, placeOf);
  }
}

/** `spec.blockSize: 19 is not an integer from 20 to 32 [range]`. */
export function formatProblem(problem: Problem): string {
  const value = problem.value === undefined ? "" : `${shorten(stringifyJson(problem.value))} `;
  return `${problem.field === "" ? "" : `${problem.field}: `}${value}${problem.message} [${problem.rule}]`;
}

function shorten(text: string): string {
  return text.length <= 80 ? text : `${text.slice(0, 77)}...`;
}

function whereOf(resource: string, position: DocumentPosition | undefined): string {
  if (position === undefined) return resource;
  const parts = [
    position.file,
    position.document === undefined ? undefined : `document ${position.document}`,
    ...placeTexts(position),
    resource,
  ];
  return parts.filter((part) => part !== undefined && part !== "").join(", ");
}

function placeTexts(place: Partial<TextPlace> | undefined): readonly string[] {
  return (["line", "column"] as const).flatMap((name) =>
    place?.[name] === undefined ? [] : [`${name} ${place[name]}`],
  );
}
