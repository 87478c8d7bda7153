import type { FactName, Facts, NodeFacts } from "./facts.ts";
import type { Finding, Found, Severity } from "./finding.ts";

/** One thing that is looked for. */
export interface Check {
  /** Of its findings: stable. */
  readonly code: string;
  readonly severity: Severity;
  /** What is looked for, for `--list`. */
  readonly looksFor: string;
  /** Without these it cannot look. */
  readonly needs: readonly FactName[];
  /** Called with what it needs being there. */
  readonly look: (facts: NodeFacts) => readonly Finding[];
}

interface CheckParts<K extends FactName> {
  readonly code: string;
  readonly severity: Severity;
  readonly looksFor: string;
  readonly needs: readonly K[];
  readonly find: (facts: Pick<Facts, K> & { readonly node: string }) => Iterable<Found>;
}

export function check<const K extends FactName>({ code, severity, looksFor, needs, find }: CheckParts<K>): Check {
  return Object.freeze({
    code,
    severity,
    looksFor,
    needs,
    look(facts: NodeFacts) {
      const known: Partial<Facts> = Object.fromEntries(
        needs.flatMap((name) => {
          const fact = facts[name];
          return fact.ok ? [[name, fact.value]] : [];
        }),
      );
      // diagnose() calls it only when each of `needs` is there.
      const given = { ...known, node: facts.node } as Pick<Facts, K> & { readonly node: string };
      return [...find(given)].map((found) => ({ code, severity, node: facts.node, ...completed(found, facts.node) }));
    },
  });
}

function completed({ where, what, why, mend, mendOn, sure = "certain", about }: Found, node: string) {
  const on = mendOn === "anywhere" ? undefined : (mendOn?.node ?? node);
  return { where, what, why, mend: { command: mend, node: on }, sure, ...(about === undefined ? {} : { about }) };
}
