import { OcicatError } from "@ocicat/kit";

/** `<lab>.<name>` names namespaces, files and sockets, and `<name>` is a host name: so no dots, and not too long. */
export const NAME_RULE = "use up to 32 lower-case letters, digits and '-', beginning with a letter";
const NAME = /^[a-z]([-a-z0-9]{0,30}[a-z0-9])?$/;

export function isName(text: string): boolean {
  return NAME.test(text);
}

/** A name given on the command line. Throws OcicatError LAB_NAME. */
export function checkName(name: string): string {
  if (isName(name)) return name;
  throw new OcicatError({ code: "LAB_NAME", what: `"${name}" is not a name`, fix: NAME_RULE });
}
