export { type PendingRoute, RouteReconciler, type RouteReconcilerOptions } from "./route-reconciler.ts";
