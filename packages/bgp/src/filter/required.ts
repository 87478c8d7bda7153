import { type Policy, reject } from "./policy.ts";

/** RFC 8212: what stands in for a policy that an external peering should have and has not. */
export const rejectUnlessTold: Policy = () => reject("external peers need a policy of their own (RFC 8212)");
