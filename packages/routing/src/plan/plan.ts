import type { PoolRow } from "../inputs.ts";
import type { PlanCluster } from "./cluster.ts";
import { type MtuConsequence, mtuOf } from "./mtu.ts";
import { type Objection, objectionsTo } from "./objections.ts";
import { type RouteClass, routeClasses } from "./routes.ts";
import { type PlanStep, stepsOf } from "./steps.ts";

/** What writing a pool would do. */
export interface PoolPlan {
  readonly pool: string;
  readonly changes: readonly { readonly field: string; readonly before: string; readonly after: string }[];
  readonly steps: readonly PlanStep[];
  readonly routes: readonly RouteClass[];
  readonly mtu: MtuConsequence;
  /** Why it cannot work; empty: it can. */
  readonly objections: readonly Objection[];
}

/** Fields of a pool that nodes act on, by their names in the resource. */
const FIELDS = {
  ipipMode: ({ ipipMode }) => ipipMode,
  vxlanMode: ({ vxlanMode }) => vxlanMode,
  natOutgoing: ({ natOutgoing }) => String(natOutgoing),
  disabled: ({ disabled }) => String(disabled),
  disableBGPExport: ({ disableBgpExport }) => String(disableBgpExport),
} as const satisfies Readonly<Record<string, (pool: PoolRow) => string>>;

/** `after` in the place of the cluster's pool of that name, or beside those there are. */
export function planPool(after: PoolRow, cluster: PlanCluster): PoolPlan {
  const before = cluster.pools.find(({ name }) => name === after.name);
  const others = cluster.pools.filter((pool) => pool !== before);
  const change = { before, after, poolsBefore: cluster.pools, poolsAfter: [...others, after] };
  return {
    pool: after.name,
    changes: Object.entries(FIELDS).flatMap(([field, read]) => {
      const was = before === undefined ? "" : read(before);
      return was === read(after) ? [] : [{ field, before: was, after: read(after) }];
    }),
    steps: stepsOf(change, cluster.nodes),
    routes: routeClasses(change, cluster),
    mtu: mtuOf(change),
    objections: objectionsTo(after, cluster),
  };
}
