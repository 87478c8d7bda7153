import { type Checked, checkDnsSubdomain, refuse, type ScalarSchema, text } from "../../schema/index.ts";

const LABEL = "[a-z0-9](?:[-a-z0-9]*[a-z0-9])?";
const NAME = new RegExp(`^(?:${LABEL}\\.)?${LABEL}$`);

/** What is made of a Kubernetes NetworkPolicy is called so, and changed there. */
const KUBERNETES = "knp.default.";

/** What is made of an OpenStack security group. */
const OPENSTACK = "ossg.default.";

/** A policy's name: a DNS label, or two with a dot between them, of which the first was once the tier. */
export const policyName = (): ScalarSchema<string> => text(NAME_PHRASE, checkPolicyName);

const NAME_PHRASE = "one DNS label or two with a dot between them: lower-case letters, digits and '-'";

/** As policyName, and what other systems' policies are called. */
export const namespacedPolicyName = (): ScalarSchema<string> =>
  text(NAME_PHRASE, (name) => (isOfAnother(name) ? checkDnsSubdomain(name) : checkPolicyName(name)));

function isOfAnother(name: string): boolean {
  return isOfKubernetes(name) || name.startsWith(OPENSTACK);
}

export function isOfKubernetes(name: string): boolean {
  return name.startsWith(KUBERNETES);
}

function checkPolicyName(name: string): Checked<string> {
  const subdomain = checkDnsSubdomain(name);
  if (!subdomain.ok || NAME.test(name)) return subdomain;
  return refuse("policy-name", "has more than one dot");
}
