export {
  type Call,
  type CallOptions,
  type ClientCall,
  type ClientReceiver,
  callStream,
  callUnary,
} from "./client.ts";
export { encodeFrame, FrameDecoder } from "./framing.ts";
export { CONTENT_TYPE, decodeTimeout, encodeTimeout, methodPath } from "./headers.ts";
export {
  type CallContext,
  GrpcRouter,
  type ServerCall,
  type ServerReceiver,
  type StreamHandler,
  type UnaryHandler,
} from "./server.ts";
export { decodeGrpcMessage, encodeGrpcMessage, GrpcCode, GrpcError, type GrpcErrorOrigin } from "./status.ts";
