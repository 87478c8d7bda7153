export * from "./kernel/index.ts";
export * from "./namespace/index.ts";
