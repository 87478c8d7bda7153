export { type PendingRoute, RouteReconciler, type RouteReconcilerOptions } from "./route-reconciler.ts";
export { farEndMissing, VtepReconciler, type VtepReconcilerOptions } from "./vtep-reconciler.ts";
