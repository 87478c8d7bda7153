import { OcicatError } from "@ocicat/kit";
import { type Address, AddressError, parseAddress } from "@ocicat/net";

/** One address that a person typed. `where`: the option or argument it was given with. Throws OcicatError CLI_ARGUMENTS. */
export function addressFrom(where: string, text: string): Address {
  try {
    return parseAddress(text);
  } catch (error) {
    if (!(error instanceof AddressError)) throw error;
    throw new OcicatError({
      code: "CLI_ARGUMENTS",
      where,
      what: error.message,
      fix: "give one address, such as 10.244.0.1",
      cause: error,
    });
  }
}
