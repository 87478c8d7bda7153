import { checkDnsLabel, type ScalarSchema, text } from "../../schema/index.ts";

/** Policies that name no tier are in this one. */
export const DEFAULT_TIER = "default";

/** Where a selector finds a policy's tier. */
export const TIER_LABEL = "projectcalico.org/tier";

/** A tier's name; without dots, for it can be the first part of a policy's. */
export const tierName = (): ScalarSchema<string> =>
  text("a DNS label: lower-case letters, digits and '-', at most 63", checkDnsLabel);
