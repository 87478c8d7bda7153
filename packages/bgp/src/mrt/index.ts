/** MRT (RFC 6396, RFC 8050): files of tables and of sessions, written and read. */
export { type MrtMessage, type MrtSession, type MrtStateChange, stateName } from "./bgp4mp.ts";
export { MrtDecoder, type MrtEntry, type TablePath } from "./decode.ts";
export { describeEntry } from "./describe.ts";
export { type DumpedPeer, dumpTable, type TableToDump } from "./dump-table.ts";
export { linesOf } from "./lines.ts";
export { Player, playedPeer } from "./player.ts";
export { MrtReader } from "./reader.ts";
export type { MrtRecord } from "./record.ts";
export { MessageRecorder, type MessageRecorderOptions } from "./record-messages.ts";
export type { MrtPeer } from "./table-dump.ts";
