import { OcicatError } from "@ocicat/kit";

/** A patch that cannot be read, or does not fit the document. */
export class PatchError extends OcicatError {
  constructor(what: string, fix?: string) {
    super({ code: "PATCH_INVALID", what, fix });
  }
}
