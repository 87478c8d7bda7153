import { OcicatError } from "@ocicat/kit";

export type ResourceErrorCode = "RESOURCE_NOT_FOUND" | "RESOURCE_EXISTS" | "RESOURCE_CONFLICT";

const WHAT: Readonly<Record<ResourceErrorCode, { readonly what: string; readonly fix: string }>> = {
  RESOURCE_NOT_FOUND: { what: "does not exist", fix: "create it, or list what there is with get" },
  RESOURCE_EXISTS: { what: "exists already", fix: "use apply or replace to change it" },
  RESOURCE_CONFLICT: {
    what: "was changed by somebody else meanwhile",
    fix: "get it again, make the change in the new one, and repeat",
  },
};

export class ResourceError extends OcicatError {
  declare readonly code: ResourceErrorCode;

  constructor(code: ResourceErrorCode, resource: string, cause?: unknown) {
    super({ code, where: resource, what: WHAT[code].what, fix: WHAT[code].fix, cause });
  }
}
