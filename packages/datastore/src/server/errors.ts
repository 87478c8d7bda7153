import { OcicatError } from "@ocicat/kit";
import { GrpcCode, GrpcError } from "../grpc/index.ts";

/**
 * The statuses of etcd's API. Clients recognise them by code *and* text (etcd's api/v3rpc/rpctypes), so both are part of
 * the protocol.
 */
const FAULTS = {
  emptyKey: [GrpcCode.INVALID_ARGUMENT, "etcdserver: key is not provided"],
  keyNotFound: [GrpcCode.INVALID_ARGUMENT, "etcdserver: key not found"],
  valueProvided: [GrpcCode.INVALID_ARGUMENT, "etcdserver: value is provided"],
  leaseProvided: [GrpcCode.INVALID_ARGUMENT, "etcdserver: lease is provided"],
  tooManyOperations: [GrpcCode.INVALID_ARGUMENT, "etcdserver: too many operations in txn request"],
  duplicateKey: [GrpcCode.INVALID_ARGUMENT, "etcdserver: duplicate key given in txn request"],
  invalidSortOption: [GrpcCode.INVALID_ARGUMENT, "etcdserver: invalid sort option"],
  requestTooLarge: [GrpcCode.INVALID_ARGUMENT, "etcdserver: request is too large"],
  compacted: [GrpcCode.OUT_OF_RANGE, "etcdserver: mvcc: required revision has been compacted"],
  futureRevision: [GrpcCode.OUT_OF_RANGE, "etcdserver: mvcc: required revision is a future revision"],
  noSpace: [GrpcCode.RESOURCE_EXHAUSTED, "etcdserver: mvcc: database space exceeded"],
  tooManyRequests: [GrpcCode.RESOURCE_EXHAUSTED, "etcdserver: too many requests"],
  leaseNotFound: [GrpcCode.NOT_FOUND, "etcdserver: requested lease not found"],
  leaseExists: [GrpcCode.FAILED_PRECONDITION, "etcdserver: lease already exists"],
  leaseTtlTooLarge: [GrpcCode.OUT_OF_RANGE, "etcdserver: too large lease TTL"],
  userEmpty: [GrpcCode.INVALID_ARGUMENT, "etcdserver: user name is empty"],
  userExists: [GrpcCode.FAILED_PRECONDITION, "etcdserver: user name already exists"],
  userNotFound: [GrpcCode.FAILED_PRECONDITION, "etcdserver: user name not found"],
  roleEmpty: [GrpcCode.INVALID_ARGUMENT, "etcdserver: role name is empty"],
  roleExists: [GrpcCode.FAILED_PRECONDITION, "etcdserver: role name already exists"],
  roleNotFound: [GrpcCode.FAILED_PRECONDITION, "etcdserver: role name not found"],
  roleNotGranted: [GrpcCode.FAILED_PRECONDITION, "etcdserver: role is not granted to the user"],
  permissionNotGranted: [GrpcCode.FAILED_PRECONDITION, "etcdserver: permission is not granted to the role"],
  rootMissing: [GrpcCode.FAILED_PRECONDITION, "etcdserver: root user does not exist"],
  rootWithoutRole: [GrpcCode.FAILED_PRECONDITION, "etcdserver: root user does not have root role"],
  invalidManagement: [GrpcCode.INVALID_ARGUMENT, "etcdserver: invalid auth management"],
  authFailed: [GrpcCode.INVALID_ARGUMENT, "etcdserver: authentication failed, invalid user ID or password"],
  permissionDenied: [GrpcCode.PERMISSION_DENIED, "etcdserver: permission denied"],
  invalidToken: [GrpcCode.UNAUTHENTICATED, "etcdserver: invalid auth token"],
  authNotEnabled: [GrpcCode.FAILED_PRECONDITION, "etcdserver: authentication is not enabled"],
  stopped: [GrpcCode.UNAVAILABLE, "etcdserver: server stopped"],
} as const;

export type EtcdFault = keyof typeof FAULTS;

export function etcdError(fault: EtcdFault, cause?: unknown): GrpcError {
  const [code, message] = FAULTS[fault];
  return new GrpcError(code, message, "peer", cause);
}

export type ServerErrorCode =
  /** An option has a value that cannot be used. */
  | "INVALID_OPTION"
  /** The data file cannot be opened or created (missing directory, permissions, not a regular file). */
  | "DATA_FILE_UNUSABLE"
  /** The file holds something else. It is left as it is. */
  | "DATA_FILE_FOREIGN"
  /** Written by a later version. */
  | "DATA_FILE_TOO_NEW"
  | "DATA_FILE_DAMAGED"
  /** Another process serves it. */
  | "DATA_FILE_IN_USE"
  | "LISTEN_FAILED"
  /** The certificate, its key or the authorities cannot be read or do not go together. */
  | "TLS_UNUSABLE"
  /** The disk failed while the server ran; what was acknowledged is safe, what was not is unknown. */
  | "STORAGE_FAILED";

interface Details {
  readonly where?: string | undefined;
  readonly why?: string | undefined;
  readonly fix?: string | undefined;
  readonly cause?: unknown;
}

/** What keeps the server from starting or going on: for the operator, not for clients. */
export class ServerError extends OcicatError {
  declare readonly code: ServerErrorCode;

  constructor(code: ServerErrorCode, what: string, details: Details = {}) {
    super({ code, what, ...details });
  }
}
