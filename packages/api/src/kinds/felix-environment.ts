import { OcicatError } from "@ocicat/kit";
import { read, type Schema } from "../schema/index.ts";
import type { FelixConfigurationSpec } from "./felix-configuration.ts";
import { type FelixParameterName, felixParameters, type Parameter } from "./felix-parameters.ts";

type Environment = Readonly<Record<string, string | undefined>>;

const PREFIX = "FELIX_";

/** Where Calico's node calls a parameter otherwise than its resource does. */
const OTHER_NAMES: { readonly [Name in FelixParameterName]?: string } = {
  ipipMTU: "IPINIPMTU",
  ipipEnabled: "IPINIPENABLED",
  externalNodesList: "EXTERNALNODESCIDRLIST",
  bpfConntrackMode: "BPFCONNTRACKCLEANUPMODE",
};

/**
 * What the environment sets of FelixConfiguration, as Calico's node reads it: `FELIX_` and the parameter's name in capitals.
 * It goes before everything that the datastore says. Parameters that have no effect yet are left out: see
 * felixVariablesWithoutEffect. Throws OcicatError FELIX_ENVIRONMENT, naming the variable, its value and what would do.
 */
export function felixFromEnvironment(env: Environment): Partial<FelixConfigurationSpec> {
  const entries = given(env).flatMap(({ variable, text, name, parameter }) =>
    parameter.effect ? [[name, valueFrom(variable, text, parameter.field.schema)] as const] : [],
  );
  // Each value was read by its parameter's own schema.
  return Object.fromEntries(entries) as Partial<FelixConfigurationSpec>;
}

/** Variables that are set and change nothing in this version, but for those that say what holds anyway. */
export function felixVariablesWithoutEffect(env: Environment): readonly string[] {
  return given(env).flatMap(({ variable, text, parameter: { effect, standard } }) =>
    effect || text.toLowerCase() === String(standard).toLowerCase() ? [] : [variable],
  );
}

function given(env: Environment) {
  return Object.entries<Parameter<unknown>>(felixParameters).flatMap(([key, parameter]) => {
    const name = key as FelixParameterName;
    const variable = `${PREFIX}${OTHER_NAMES[name] ?? name.toUpperCase()}`;
    const text = env[variable]?.trim() ?? "";
    return text === "" ? [] : [{ variable, text, name, parameter }];
  });
}

function valueFrom(variable: string, text: string, schema: Schema<unknown>): unknown {
  const candidates = schema.type === "list" ? [ports(text)] : readings(text);
  let reason = "";
  for (const candidate of candidates) {
    const reading = read(schema, candidate, "strict");
    if (reading.ok) return reading.value;
    reason ||= reading.problems
      .map(({ field, message }) => (field === "" ? message : `${field} ${message}`))
      .join("; ");
  }
  throw new OcicatError({
    code: "FELIX_ENVIRONMENT",
    where: `environment variable ${variable}`,
    what: `"${text}" cannot be used`,
    why: `it ${reason}`,
    fix: "mend it, or leave it out: FelixConfiguration says it then",
  });
}

/** The same text may be meant as a word, a number, a switch, or as seconds: the parameter's schema takes one of them. */
function* readings(text: string): Iterable<unknown> {
  yield text;
  if (/^-?(?:0x[0-9a-f]+|\d+)$/i.test(text)) yield Number(text);
  if (/^(?:true|t|yes|y|on|1)$/i.test(text)) yield true;
  if (/^(?:false|f|no|n|off|0)$/i.test(text)) yield false;
  if (/^\d+(?:\.\d+)?$/.test(text)) yield `${text}s`;
}

const PORT = /^(?:([a-z0-9]+):)?(?:\[?([0-9a-f.:]+(?:\/\d+)?)\]?:)?(\d+)$/i;

/** `tcp:22,udp:10.0.0.0/8:68,tcp:[fd00::/8]:22`; `none` for none at all; a port alone is TCP's and UDP's. */
function ports(text: string): unknown {
  if (text.toLowerCase() === "none") return [];
  return text.split(",").flatMap((part): unknown[] => {
    const match = PORT.exec(part.trim());
    if (match === null) return [part.trim()];
    const [, protocol, net, port] = match;
    return (protocol === undefined ? ["tcp", "udp"] : [protocol]).map((each) => ({
      protocol: each,
      port: Number(port),
      ...(net === undefined ? {} : { net }),
    }));
  });
}
