import { OcicatError } from "@ocicat/kit";

/** A lab's name begins `<lab>.<part>`, which names namespaces and files: so it has no dots, and it is not too long. */
export const LAB_NAME_RULE = "use up to 32 lower-case letters, digits and '-', beginning with a letter";
const LAB_NAME = /^[a-z]([-a-z0-9]{0,30}[a-z0-9])?$/;

/** What is in a lab is called as hosts and pods are, `master.whale.com`; the name becomes part of a path. */
export const PART_NAME_RULE =
  "use up to 63 lower-case letters, digits, '-' and '.', beginning with a letter and with no '.' at the end or twice in a row";
const PART_NAME = /^(?=.{1,63}$)[a-z]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

export function isLabName(text: string): boolean {
  return LAB_NAME.test(text);
}

export function isPartName(text: string): boolean {
  return PART_NAME.test(text);
}

/** A lab's name given on the command line. Throws OcicatError LAB_NAME. */
export function checkLabName(name: string): string {
  if (isLabName(name)) return name;
  throw new OcicatError({ code: "LAB_NAME", what: `"${name}" is not a lab's name`, fix: LAB_NAME_RULE });
}

/** A node's or pod's name given on the command line. Throws OcicatError LAB_NAME. */
export function checkPartName(name: string): string {
  if (isPartName(name)) return name;
  throw new OcicatError({ code: "LAB_NAME", what: `"${name}" is not a name`, fix: PART_NAME_RULE });
}
