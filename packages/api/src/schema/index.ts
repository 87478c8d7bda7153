export * from "./names.ts";
export * from "./read.ts";
export * from "./scalars.ts";
export * from "./schema.ts";
export * from "./write.ts";
