import { describeResource, type Origin, origin, type ResourceRef, UNKNOWN_ORIGIN } from "@ocicat/kit";
import { identityHash } from "./identity.ts";
import type { Rule } from "./ir/rule.ts";
import type { SetElement } from "./ir/set.ts";
import { renderBody } from "./text/expression.ts";

/**
 * Longest comment nft reads and writes (NFTNL_UDATA_COMMENT_MAXLEN, 128 with the terminating NUL).
 *
 *     cali:4kV0v2pN8sQm1xYz packets from an interface nobody knows [FelixConfiguration default]
 *     └─ rules only: hash ┘ └─ reason                            ┘ └─ resources              ┘
 */
const COMMENT_LENGTH = 127;
const IDENTITY = /^cali:[A-Za-z0-9_-]{16} /;

/** What a rule says of itself in the kernel: its identity and, as far as there is room, why it is there. */
export function commentOf(rule: Rule): string {
  if (rule.comment !== undefined) return rule.comment;
  let comment = ruleComments.get(rule);
  if (comment === undefined) {
    const why = originText(rule.origin);
    comment = fit(`cali:${identityHash(`${renderBody(rule.body)}\n${why}`)} ${why}`);
    ruleComments.set(rule, comment);
  }
  return comment;
}

/** An element needs no identity of its own: its key is that. */
export function elementComment(element: SetElement): string {
  return element.comment ?? originComment(element.origin);
}

/** Of tables, chains and sets, written when they are made. */
export function originComment(of: Origin): string {
  let comment = originComments.get(of);
  if (comment === undefined) {
    comment = fit(originText(of));
    originComments.set(of, comment);
  }
  return comment;
}

/** The origin that a comment tells of, cut where the comment was. */
export function originOf(comment: string): Origin {
  const text = comment.replace(IDENTITY, "");
  if (text === "") return UNKNOWN_ORIGIN;
  const parts = /^(.*?) ?\[([^[\]]*)\]$/.exec(text);
  return parts === null ? origin(text) : origin(parts[1] ?? "", ...(parts[2] ?? "").split(", ").map(resourceOf));
}

/** Thousands of elements may have one origin. */
const originComments = new WeakMap<Origin, string>();
const ruleComments = new WeakMap<Rule, string>();

function originText({ reason, resources }: Origin): string {
  if (resources.length === 0) return reason;
  const list = `[${resources.map(describeResource).join(", ")}]`;
  return reason === "" ? list : `${reason} ${list}`;
}

function resourceOf(text: string): ResourceRef {
  const space = text.indexOf(" ");
  return space < 0 ? { kind: text, name: "" } : { kind: text.slice(0, space), name: text.slice(space + 1) };
}

/** nft's comments are quoted and know no escape; what is not printable ASCII has no place in a listing. */
function fit(text: string): string {
  const printable = text.replaceAll('"', "'").replaceAll(/[^ -~]/g, "?");
  return printable.length <= COMMENT_LENGTH ? printable : `${printable.slice(0, COMMENT_LENGTH - 3)}...`;
}
