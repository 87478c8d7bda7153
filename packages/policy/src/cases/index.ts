export { type Case, clustersOf, type Step } from "./case.ts";
export * from "./cluster.ts";
export { isExpected } from "./expected.ts";
export { allCases } from "./generate.ts";
export { modelOf, packetOf } from "./model.ts";
