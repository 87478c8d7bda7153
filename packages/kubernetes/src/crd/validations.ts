import { isObject } from "@ocicat/api";
import type { JsonValue } from "@ocicat/kit";
import type { OpenApi } from "./structural.ts";

/** How a definition says a rule of ours. */
export type Said =
  /** A CEL expression about what stands at each of these places: `""`, `spec`, `spec.ingress[]`. */
  | { readonly at: readonly string[]; readonly cel: string }
  /** Keywords of the schema of what stands there. */
  | { readonly at: readonly string[]; readonly schema: OpenApi }
  /** It cannot: the reason why. The command line, the agents and the controllers look at it. */
  | { readonly unsaid: string };

/** By the sentence of the rule, which is what people are told. */
export type SaidRules = Readonly<Record<string, Said | readonly Said[]>>;

/** The schema with what can be said of the rules. Throws RangeError on a place that it does not have. */
export function withRules(schema: OpenApi, rules: SaidRules): OpenApi {
  return Object.entries(rules).reduce((outer, [sentence, said]) => {
    const all = isSaid(said) ? [said] : said;
    return all.reduce((inner, each) => withRule(inner, sentence, each), outer);
  }, schema);
}

const isSaid = (said: Said | readonly Said[]): said is Said => !Array.isArray(said);

function withRule(schema: OpenApi, sentence: string, said: Said): OpenApi {
  if ("unsaid" in said) return schema;
  const change = (at: OpenApi): OpenApi =>
    "cel" in said ? withCel(at, said.cel, sentence) : { ...at, ...said.schema };
  return said.at.reduce((changed, place) => changeAt(changed, stepsOf(place), change, place), schema);
}

function withCel(schema: OpenApi, rule: string, sentence: string): OpenApi {
  const before = schema["x-kubernetes-validations"];
  const message = sentence.replace(/\.$/, "");
  return { ...schema, "x-kubernetes-validations": [...(Array.isArray(before) ? before : []), { rule, message }] };
}

/** `spec.ingress[]` as properties, spec, properties, ingress, items: the way through a schema. */
function stepsOf(place: string): readonly string[] {
  if (place === "") return [];
  return place.split(".").flatMap((part) => {
    const name = part.replace("[]", "");
    return part.endsWith("[]") ? ["properties", name, "items"] : ["properties", name];
  });
}

function changeAt(schema: OpenApi, steps: readonly string[], change: (at: OpenApi) => OpenApi, place: string): OpenApi {
  const [step, ...rest] = steps;
  if (step === undefined) return change(schema);
  const inner = schema[step];
  if (!isOpenApi(inner)) throw new RangeError(`there is no ${place} in the schema: ${step} is missing`);
  return { ...schema, [step]: changeAt(inner, rest, change, place) };
}

function isOpenApi(value: JsonValue | undefined): value is OpenApi {
  return isObject(value);
}

/** In CEL: a field and all above it are there. `self.source.ports` → `has(self.source) && has(self.source.ports)`. */
export function has(path: string): string {
  const parts = path.split(".");
  return parts
    .slice(1)
    .map((_part, index) => `has(${parts.slice(0, index + 2).join(".")})`)
    .join(" && ");
}

/** In CEL: a list is there and not empty. */
export const some = (path: string): string => `${has(path)} && ${path}.size() > 0`;

/** In CEL: none of these fields is there. */
export const none = (...paths: readonly string[]): string => paths.map((path) => `!(${has(path)})`).join(" && ");
