import type { Check } from "./check.ts";
import { ADDRESS_CHECKS } from "./checks/address.ts";
import { AGENT_CHECKS } from "./checks/agent.ts";
import { FIREWALL_CHECKS } from "./checks/firewall.ts";
import { LEFTOVER_CHECKS } from "./checks/leftovers.ts";
import { LIMIT_CHECKS } from "./checks/limits.ts";
import { MODE_CHECKS } from "./checks/modes.ts";
import { MTU_CHECKS } from "./checks/mtu.ts";
import { REACH_CHECKS } from "./checks/reach.ts";
import { SWITCH_CHECKS } from "./checks/switches.ts";

/** All of them, in the order in which `--list` tells them. */
export const CHECKS: readonly Check[] = [
  ...AGENT_CHECKS,
  ...ADDRESS_CHECKS,
  ...REACH_CHECKS,
  ...SWITCH_CHECKS,
  ...MTU_CHECKS,
  ...MODE_CHECKS,
  ...FIREWALL_CHECKS,
  ...LEFTOVER_CHECKS,
  ...LIMIT_CHECKS,
];
