export type { PlanCluster, PlanNode } from "./cluster.ts";
export type { MtuConsequence } from "./mtu.ts";
export { named, type Objection, objectionsTo } from "./objections.ts";
export { type PoolPlan, planPool } from "./plan.ts";
export {
  planReflectors,
  REFLECTOR_LABEL,
  REFLECTOR_PEER,
  type ReflectorCandidate,
  type ReflectorPlan,
} from "./reflectors.ts";
export { type PresentRoute, presentRoute, type RouteClass } from "./routes.ts";
export type { PlanStep } from "./steps.ts";
