export { examineHere, type HereOptions } from "./here.ts";
