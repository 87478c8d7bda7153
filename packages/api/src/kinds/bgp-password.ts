import { flag, object, optional, required, text } from "../schema/index.ts";

/** Where a session's password is: a key of a Kubernetes secret. */
const secretKeyRef = object(
  { name: optional(text(), ""), key: required(text()), optional: optional(flag()) },
  {
    name: "The secret's name, in the namespace of the agents.",
    key: "The key in it whose value is the password.",
    optional: "Go without a password while the secret or the key is not there.",
  },
);

export const bgpPassword = object(
  { secretKeyRef: optional(secretKeyRef) },
  { secretKeyRef: "The key of a Kubernetes secret that holds it." },
);
