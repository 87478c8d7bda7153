import { flag, object, optional, required, text } from "../schema/index.ts";

/** Where a session's password is: a key of a Kubernetes secret. */
export const bgpPassword = object({
  secretKeyRef: optional(object({ name: optional(text(), ""), key: required(text()), optional: optional(flag()) })),
});
