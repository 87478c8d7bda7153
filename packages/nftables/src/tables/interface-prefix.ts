import { checkInterfaceName } from "../check/names.ts";
import { invalid } from "../errors.ts";

/** The beginnings of workload interfaces' names, of Felix's comma-separated InterfacePrefix. Throws NftError. */
export function workloadPrefixes(interfacePrefix: string): readonly string[] {
  const where = "interfacePrefix";
  const prefixes = [...new Set(interfacePrefix.split(",").map((prefix) => prefix.trim()))];
  if (prefixes.includes("")) {
    throw invalid(where, `"${interfacePrefix}" has an empty prefix, which every interface begins with`, 'use "cali"');
  }
  for (const prefix of prefixes) checkInterfaceName(where, prefix);
  return prefixes;
}
