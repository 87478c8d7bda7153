export { execute } from "./execute.ts";
export type { TemplateFunction } from "./functions.ts";
export type { Value } from "./value.ts";
export { listView, resourceView } from "./view.ts";
