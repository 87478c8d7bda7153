export { ClientSession, type Origin, type Requester } from "./client.ts";
export { ConnectionFault, ErrorCode } from "./errors.ts";
export type { Headers } from "./headers.ts";
export type { HeaderList } from "./hpack/encoder.ts";
export { type OnRequest, ServerSession, type ServerSessionOptions } from "./server.ts";
export type { SessionEvents, Windows } from "./session/session.ts";
export type { Reset, Stream, StreamListener } from "./session/stream.ts";
