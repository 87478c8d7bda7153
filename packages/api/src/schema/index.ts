export * from "./names.ts";
export * from "./scalars.ts";
export * from "./schema.ts";
