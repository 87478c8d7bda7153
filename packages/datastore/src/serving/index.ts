/** What it takes to speak etcd's API as a server: for one that is no store of its own. */
export { encodeFrame, GrpcCode, GrpcError, GrpcRouter, type ServerCall, type ServerReceiver } from "../grpc/index.ts";
export { type Event, Event_EventType, EventSchema, type KeyValue as WireKeyValue } from "../proto/kv_pb.ts";
export {
  KV,
  RangeRequest_SortOrder,
  RangeRequest_SortTarget,
  type RangeRequestSchema,
  RangeResponseSchema,
  type ResponseHeader,
  ResponseHeaderSchema,
  Watch,
  type WatchRequestSchema,
  WatchResponseSchema,
} from "../proto/rpc_pb.ts";
export { type Endpoint, type ListenAddress, Listener } from "../server/listen/listener.ts";
export { ServerCertificate, type ServerTls } from "../server/listen/tls.ts";
