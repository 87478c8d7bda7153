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
}

/** Where a resource was given, as a person would look for it. */
export interface DocumentPosition {
  readonly file?: string;
  /** Counted from 1. */
  readonly document?: number;
  readonly line?: number;
}

/** The line of a field, counted from 1. */
export type LineOf = (field: string) => number;

/** A resource is refused whole, with everything that is wrong with it. */
export class ValidationError extends OcicatError {
  readonly problems: readonly Problem[];
  readonly resource: string;
  readonly position: DocumentPosition | undefined;

  constructor(resource: string, problems: readonly Problem[], position?: DocumentPosition, lineOf?: LineOf) {
    const [first, ...more] = problems.map((problem) => ({
      text: formatProblem(problem),
      line: lineOf?.(problem.field),
    }));
    const line = first?.line ?? position?.line;
    const others = more.map((other) => (other.line === undefined ? other.text : `line ${other.line}, ${other.text}`));
    super({
      code: "RESOURCE_INVALID",
      what: [first?.text ?? "", ...others].join("; "),
      where: place(resource, line === undefined ? position : { ...position, line }),
    });
    this.resource = resource;
    this.problems = problems;
    this.position = position;
  }

  /** The same, told where the resource came from, and if that is known on which line each field is. */
  at(position: DocumentPosition, lineOf?: LineOf): ValidationError {
    return new ValidationError(this.resource, this.problems, position, lineOf);
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

function place(resource: string, position: DocumentPosition | undefined): string {
  if (position === undefined) return resource;
  const parts = [
    position.file,
    position.document === undefined ? undefined : `document ${position.document}`,
    position.line === undefined ? undefined : `line ${position.line}`,
    resource,
  ];
  return parts.filter((part) => part !== undefined && part !== "").join(", ");
}
