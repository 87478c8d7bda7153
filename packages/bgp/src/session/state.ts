/** RFC 4271 §8.2.2, from least to most advanced. */
export const STATES = ["Idle", "Active", "Connect", "OpenSent", "OpenConfirm", "Established"] as const;
export type StateName = (typeof STATES)[number];
