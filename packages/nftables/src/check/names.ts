import type { Origin } from "@ocicat/kit";
import { invalid } from "../errors.ts";

/** What both the kernel (255 bytes) and nft's language take for tables, chains and sets. */
const NAME = /^[A-Za-z_.][A-Za-z0-9_.\-/]{0,254}$/;
/** IFNAMSIZ less the NUL; the asterisk would read as a wildcard. */
const INTERFACE = /^[!#-)+-.0-9;-~]{1,15}$/;

/** Throws NftError. */
export function checkName(where: string, what: string, name: string): void {
  if (!NAME.test(name)) {
    throw invalid(
      where,
      `"${name}" is not a name for a ${what}`,
      "begin with a letter, go on with letters, digits, _ . - /, 255 characters at most",
    );
  }
}

/** Of an interface, or of the beginning of one's name. Throws NftError. */
export function checkInterfaceName(where: string, name: string): void {
  if (!INTERFACE.test(name) || name === "." || name === "..") {
    throw invalid(
      where,
      `"${name}" is not the name of an interface`,
      'use 1 to 15 printable ASCII characters other than / : * " and space',
    );
  }
}

export function checkDistinct(where: string, what: string, names: readonly string[]): void {
  const seen = new Set<string>();
  for (const name of names) {
    if (seen.has(name)) throw invalid(where, `the ${what} ${name} is there twice`);
    seen.add(name);
  }
}

/** Nothing is programmed that cannot say why. */
export function checkReason(where: string, { reason }: Origin): void {
  if (reason === "") throw invalid(where, "does not say why it is there", "give its origin a reason");
}
