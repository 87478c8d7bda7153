/** Resources in the form that decisions are made by, for who decides the same beforehand: nothing of Node's is loaded. */
export { bgpSettings, bgpSettingsRow, peerRow } from "./tables/bgp-rows.ts";
export { nodeRow, poolRow } from "./tables/rows.ts";
