export { type Check, check } from "./check.ts";
export { settingsOf } from "./checks/switches.ts";
export { CHECKS } from "./checks.ts";
export { type Diagnosis, diagnose } from "./diagnose.ts";
export * from "./facts.ts";
export type { About, Finding, Found, Mend, Severity, Sureness, Traffic } from "./finding.ts";
export { relate } from "./relate.ts";
