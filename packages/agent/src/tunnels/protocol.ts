/**
 * How a node takes up and gives up a tunnel while packets flow, decided from what is seen and nothing remembered.
 *
 * Two words stand in every node's own resource: the tunnel's address (published: "you can reach me by it") and the list of
 * tunnels that the node sends by (declared: "I may send by it").
 *
 *     take up   device works ─► publish and declare, one write ─► seen in our own watch ─► use it towards who has published
 *     give up   no route of ours leads through it ─► use it no more ─► undeclare ─► nobody declares it ─► withdraw
 *               ─► seen in our own watch, and still nobody declares it ─► take the device away, give the address back
 *
 * Why nothing is lost: a sender declares before it sends, and a receiver looks after it has withdrawn. All writes stand in
 * one order, the datastore's revisions, and a node that sees its own write has seen all before it. So of a declaration and a
 * withdrawal that cross, one side sees the other's: either the receiver finds the declaration and keeps its device, or the
 * sender finds the withdrawal before it has sent.
 */
export interface TunnelFacts {
  /** A pool calls for it. */
  readonly wanted: boolean;
  /** absent: cannot carry a packet; flawed: carries packets, but something is not as it should be. */
  readonly device: "absent" | "flawed" | "right";
  /** As this node's own watch shows its resource. */
  readonly published: boolean;
  readonly declared: boolean;
  /** Routes of this node lead through it, wanted ones or such as are still in the kernel. */
  readonly sending: boolean;
  /** Another node declares it. */
  readonly othersDeclare: boolean;
}

export interface TunnelStep {
  readonly device: "make" | "leave" | "remove";
  /** What this node's resource should say next. */
  readonly publish: boolean;
  readonly declare: boolean;
  /** Routes may lead through it now. */
  readonly usable: boolean;
}

export function nextStep(facts: TunnelFacts): TunnelStep {
  const { wanted, device, published, declared, sending, othersDeclare } = facts;
  const stay = {
    device: "leave",
    publish: published,
    declare: declared,
    usable: declared && device !== "absent",
  } as const;
  if (wanted) return device === "right" ? { ...stay, publish: true, declare: true } : { ...stay, device: "make" };
  if (sending) return stay;
  if (declared) return { ...stay, declare: false, usable: false };
  if (othersDeclare) return stay;
  if (published) return { ...stay, publish: false };
  return { ...stay, device: device === "absent" ? "leave" : "remove" };
}
