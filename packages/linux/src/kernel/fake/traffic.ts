import type { Qdisc, TrafficOperation } from "../traffic.ts";
import { requireLink } from "./links.ts";
import type { FakeNamespace } from "./namespace.ts";
import { refuse } from "./refusal.ts";

const INGRESS_MAJOR = 0xffff;

export function performTraffic(namespace: FakeNamespace, operation: TrafficOperation): void {
  const { linkIndex } = operation;
  requireLink(namespace, linkIndex);
  const own = namespace.qdiscs.filter((qdisc) => qdisc.linkIndex === linkIndex);
  const ingress = own.find(({ major }) => major === INGRESS_MAJOR);
  switch (operation.op) {
    case "qdisc.tbf": {
      const { major, bucket } = operation;
      const others = namespace.qdiscs.filter((qdisc) => qdisc.linkIndex !== linkIndex || qdisc === ingress);
      namespace.qdiscs = sorted([...others, { linkIndex, kind: "tbf", major, root: true, bucket }]);
      break;
    }
    case "qdisc.ingress": {
      if (ingress !== undefined) refuse("EEXIST", "Exclusivity flag on, cannot modify");
      const made = { linkIndex, kind: "ingress", major: INGRESS_MAJOR, root: true, bucket: undefined };
      namespace.qdiscs = sorted([...namespace.qdiscs, made]);
      break;
    }
    case "qdisc.delete": {
      const isIngress = operation.which === "ingress";
      const gone = own.find((qdisc) => (qdisc === ingress) === isIngress);
      if (gone === undefined) refuse("ENOENT");
      namespace.qdiscs = namespace.qdiscs.filter((qdisc) => qdisc !== gone);
      if (isIngress) namespace.filters = namespace.filters.filter((filter) => filter.linkIndex !== linkIndex);
      break;
    }
    case "filter.redirect": {
      const { priority, to } = operation;
      if (ingress === undefined) refuse("EINVAL");
      if (!namespace.links.has(to)) refuse("ENODEV");
      if (namespace.filters.some((each) => each.linkIndex === linkIndex && each.priority === priority))
        refuse("ENOSPC");
      namespace.filters = [...namespace.filters, { linkIndex, kind: "u32", priority, to }].toSorted(
        (a, b) => a.priority - b.priority,
      );
      break;
    }
    case "filter.delete": {
      if (ingress === undefined) refuse("EINVAL");
      const gone = namespace.filters.find(
        (each) => each.linkIndex === linkIndex && each.priority === operation.priority,
      );
      if (gone === undefined) refuse("ENOENT");
      namespace.filters = namespace.filters.filter((each) => each !== gone);
      break;
    }
  }
}

/** As the kernel lists them: by link, and a link's ingress last. */
function sorted(qdiscs: readonly Qdisc[]): Qdisc[] {
  return qdiscs.toSorted((a, b) => a.linkIndex - b.linkIndex || a.major - b.major);
}
