export { describePackets } from "./describe.ts";
export {
  type Change,
  type Decision,
  type Difference,
  decisionOf,
  difference,
  type PolicyChange,
} from "./difference.ts";
export type { PacketClass, Range } from "./packet-class.ts";
export type { Member, Party } from "./party.ts";
