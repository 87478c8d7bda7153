import { type Case, put, type Step } from "./case.ts";
import type { KubernetesPolicy } from "./cluster.ts";
import { DIRECTIONS, policyFor, TYPE } from "./parts.ts";

/** What changes while policies are in force. */
export function changes(): readonly Case[] {
  return DIRECTIONS.flatMap((direction) => {
    const byPod = policyFor(direction, [{ peers: [{ podSelector: { matchLabels: { role: "friend" } } }] }]);
    const byNamespace = policyFor(direction, [{ peers: [{ namespaceSelector: { matchLabels: { team: "red" } } }] }]);
    const both: KubernetesPolicy = {
      ...policyFor(direction, []),
      spec: { podSelector: { matchLabels: { pod: "a" } }, policyTypes: ["Ingress", "Egress"] },
    };
    const labelPod = (name: string, labels: Record<string, string>): Step => ({
      kind: "label pod",
      namespace: "x",
      name,
      labels,
    });
    const labelNamespace = (name: string, labels: Record<string, string>): Step => ({
      kind: "label namespace",
      name,
      labels,
    });
    const gone: Step = { kind: "delete", namespace: "x", name: "p" };
    const steps: Readonly<Record<string, readonly Step[]>> = {
      "a policy goes": [put(policyFor(direction, [])), gone],
      "a policy comes again": [
        put(policyFor(direction, [])),
        gone,
        put(policyFor(direction, [{ ports: [{ port: 80 }] }])),
      ],
      "rules are added": [
        put(policyFor(direction, [])),
        put(policyFor(direction, [{ ports: [{ port: 80 }] }])),
        put(policyFor(direction, [{}])),
      ],
      "rules are taken away": [put(policyFor(direction, [{}])), put(policyFor(direction, []))],
      "a policy is for others": [
        put(policyFor(direction, [])),
        put(policyFor(direction, [], { podSelector: { matchLabels: { pod: "b" } } })),
      ],
      "a policy is of another direction": [
        put(policyFor(direction, [])),
        put({ ...both, spec: { ...both.spec, policyTypes: [TYPE[direction === "ingress" ? "egress" : "ingress"]] } }),
      ],
      "a policy closes both ways, then one": [put(both), put(policyFor(direction, []))],
      "a peer gets its label, and loses it": [
        put(byPod),
        labelPod("b", { pod: "b", role: "friend" }),
        labelPod("b", { pod: "b" }),
      ],
      "a pod gets a policy by its label": [
        put(policyFor(direction, [], { podSelector: { matchLabels: { role: "closed" } } })),
        labelPod("c", { role: "closed" }),
        labelPod("c", { pod: "c" }),
      ],
      "a namespace gets its label, and loses it": [
        put(byNamespace),
        labelNamespace("y", { ns: "y", team: "red" }),
        labelNamespace("y", { ns: "y" }),
      ],
      "two namespaces change labels": [
        put(byNamespace),
        labelNamespace("y", { team: "red" }),
        labelNamespace("z", { team: "red" }),
        labelNamespace("y", { team: "blue" }),
      ],
    };
    return Object.entries(steps).map(([name, list]) => ({ name: `changes: ${direction}, ${name}`, steps: list }));
  });
}
