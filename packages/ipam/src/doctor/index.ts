export { type CatalogueEntry, type FindingCode, IPAM_CATALOGUE } from "./catalogue.ts";
export { diagnose, inOrderOfMending, type LookOptions, lookTwice } from "./diagnose.ts";
export type { IpamFinding } from "./finding.ts";
export { describeMend, type Mend } from "./mends/mend.ts";
export { type MendOutcome, performMend, previewMend } from "./mends/perform.ts";
