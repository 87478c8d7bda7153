export { type CheckedBlock, type CheckResult, checkAllocations, problemCount, type Used } from "./check.ts";
export { decodeReport, encodeReport } from "./json.ts";
export {
  type CheckReport,
  type Leaks,
  leaksInAll,
  type ReportedAllocation,
  type ReportedHandle,
} from "./report.ts";
