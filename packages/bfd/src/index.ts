export {
  type BfdState,
  type ControlPacket,
  DIAGNOSTICS,
  type Diagnostic,
  decodePacket,
  encodePacket,
  STATES,
} from "./packet.ts";
export {
  type BfdConfig,
  type BfdEvent,
  type BfdSession,
  type BfdStep,
  bfdStep,
  detectionTime,
  jittered,
  newBfdSession,
  packetOf,
  transmitInterval,
} from "./session.ts";
