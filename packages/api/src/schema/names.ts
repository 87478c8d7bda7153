import { text } from "./scalars.ts";
import { accept, type Checked, refuse, type ScalarSchema } from "./schema.ts";

const LABEL = "[a-z0-9](?:[-a-z0-9]*[a-z0-9])?";
const DNS_LABEL = new RegExp(`^${LABEL}$`);
const DNS_SUBDOMAIN = new RegExp(`^${LABEL}(?:\\.${LABEL})*$`);
const LABEL_PART = /^[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?$/;

/** RFC 1123 DNS subdomain: at most 253 of a-z, 0-9, `-` and `.`, each part beginning and ending with a letter or digit. */
export function checkDnsSubdomain(value: string): Checked<string> {
  if (value.length > 253) return refuse("name-length", `has ${value.length} characters; a name has at most 253`);
  return DNS_SUBDOMAIN.test(value)
    ? accept(value)
    : refuse(
        "name",
        "is not a DNS subdomain: lower-case letters, digits, '-' and '.', beginning and ending with a letter or digit",
      );
}

/** RFC 1123 DNS label: as a subdomain, without dots, at most 63 characters. */
export function checkDnsLabel(value: string): Checked<string> {
  if (value.length > 63) return refuse("name-length", `has ${value.length} characters; a DNS label has at most 63`);
  return DNS_LABEL.test(value)
    ? accept(value)
    : refuse(
        "name",
        "is not a DNS label: lower-case letters, digits and '-', beginning and ending with a letter or digit",
      );
}

/** A label key as Kubernetes has it: `[subdomain/]name`, the name at most 63 of letters, digits, `-`, `_` and `.`. */
export function checkLabelKey(value: string): Checked<string> {
  const slash = value.indexOf("/");
  const name = value.slice(slash + 1);
  if (slash >= 0 && !checkDnsSubdomain(value.slice(0, slash)).ok) {
    return refuse("label-key", "has a prefix before '/' that is not a DNS subdomain");
  }
  return name.length <= 63 && LABEL_PART.test(name)
    ? accept(value)
    : refuse("label-key", "is not a label key: at most 63 letters, digits, '-', '_' and '.'");
}

export function checkLabelValue(value: string): Checked<string> {
  return value === "" || (value.length <= 63 && LABEL_PART.test(value))
    ? accept(value)
    : refuse("label-value", "is not a label value: at most 63 letters, digits, '-', '_' and '.'");
}

/** What most resources may be called. */
export const dnsSubdomain = (): ScalarSchema<string> =>
  text("a DNS subdomain: lower-case letters, digits, '-' and '.', at most 253", checkDnsSubdomain, {
    pattern: DNS_SUBDOMAIN.source,
  });

/** A node's name is a DNS subdomain: it becomes a part of keys and file names. */
export const nodeName = (): ScalarSchema<string> =>
  text("a node name", checkDnsSubdomain, { pattern: DNS_SUBDOMAIN.source });
