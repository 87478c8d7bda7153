export { PatchError } from "./error.ts";
export { applyJsonPatch } from "./json-patch.ts";
export { applyMergePatch, applyStrategicPatch } from "./merge-patch.ts";
