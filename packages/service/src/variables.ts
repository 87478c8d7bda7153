import { OcicatError } from "@ocicat/kit";

export type Environment = Readonly<Record<string, string | undefined>>;

/** A variable of the environment that will not do. `code`: whose it is, as AGENT_CONFIG. */
export function refusedVariable(code: string, variable: string, what: string, fix: string): OcicatError {
  return new OcicatError({ code, where: `environment variable ${variable}`, what, fix });
}

/** A whole number from `min` to `max`; unset or empty it is the fallback. Throws OcicatError of the code. */
export function numberVariable(
  env: Environment,
  variable: string,
  {
    code,
    fallback,
    min,
    max,
  }: { readonly code: string; readonly fallback: number; readonly min: number; readonly max: number },
): number {
  const text = env[variable];
  if (text === undefined || text === "") return fallback;
  const value = Number(text);
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw refusedVariable(
    code,
    variable,
    `"${text}" is not a number in its range`,
    `use a whole number from ${min} to ${max}`,
  );
}
