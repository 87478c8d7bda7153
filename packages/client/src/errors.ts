import { OcicatError } from "@ocicat/kit";

export type ResourceErrorCode =
  | "RESOURCE_NOT_FOUND"
  | "RESOURCE_EXISTS"
  | "RESOURCE_CONFLICT"
  | "RESOURCE_TWICE"
  | "RESOURCE_READ_ONLY"
  | "RESOURCE_KEPT"
  | "RESOURCE_UNREADABLE";

const WHAT: Readonly<Record<ResourceErrorCode, { readonly what: string; readonly fix: string }>> = {
  RESOURCE_NOT_FOUND: { what: "does not exist", fix: "create it, or list what there is with get" },
  RESOURCE_EXISTS: { what: "exists already", fix: "use apply or replace to change it" },
  RESOURCE_CONFLICT: {
    what: "has been changed since",
    fix: "get it again, make the change in the new one, and repeat",
  },
  RESOURCE_TWICE: { what: "is given twice", fix: "give each resource once" },
  RESOURCE_READ_ONLY: { what: "is kept by the system itself", fix: "it cannot be written or deleted by hand" },
  RESOURCE_KEPT: { what: "cannot be deleted", fix: "remove first what keeps it" },
  RESOURCE_UNREADABLE: { what: "is stored in a form that cannot be read", fix: "delete it, then write it again" },
};

export class ResourceError extends OcicatError {
  declare readonly code: ResourceErrorCode;

  /** `resource`: as `IPPool tiny`. */
  constructor(
    code: ResourceErrorCode,
    resource: string,
    details: { readonly why?: string; readonly fix?: string; readonly cause?: unknown } = {},
  ) {
    super({ code, where: resource, what: WHAT[code].what, fix: WHAT[code].fix, ...details });
  }
}

/** One of several resources cannot be written or deleted; `reason` says why. Nothing was done unless `done` says so. */
export class BatchError extends OcicatError {
  declare readonly code: "BATCH_REFUSED";
  /** Which one, counted from 0. */
  readonly index: number;
  readonly reason: OcicatError;
  /** How many were done before it: never any where the datastore has transactions and the batch fits into one. */
  readonly done: number;

  constructor(index: number, reason: OcicatError, done = 0) {
    super({ code: "BATCH_REFUSED", what: reason.message, cause: reason });
    this.index = index;
    this.reason = reason;
    this.done = done;
  }
}
