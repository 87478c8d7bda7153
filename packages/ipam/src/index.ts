export * from "./block/index.ts";
