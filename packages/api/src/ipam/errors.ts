import { OcicatError } from "@ocicat/kit";

/** A stored IPAM value that cannot be read. It is refused whole: nothing is guessed about addresses. */
export class IpamCorruptError extends OcicatError {
  readonly key: string;
  /** Where in the value: `allocations[3]`; empty when the text is not JSON at all. */
  readonly field: string;

  constructor(key: string, field: string, what: string, cause?: unknown) {
    super({
      code: "IPAM_CORRUPT",
      what: field === "" ? what : `${field} ${what}`,
      where: key,
      fix: "compare the value with a backup, mend or delete it, then run a check of IPAM",
      cause,
    });
    this.key = key;
    this.field = field;
  }
}
