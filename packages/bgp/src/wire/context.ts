import type { Family } from "@ocicat/net";
import type { AddPath } from "./capabilities.ts";
import { MAX_MESSAGE } from "./header.ts";

/** What the two OPENs have settled, as far as the form of messages depends on it. */
export interface CodecContext {
  /** AS numbers in AS_PATH and AGGREGATOR have four octets (RFC 6793: both sides announced it). */
  readonly as4: boolean;
  /** The peer is in our AS: LOCAL_PREF, ORIGINATOR_ID and CLUSTER_LIST are taken from it, else discarded. */
  readonly internal: boolean;
  /** Families both sides announced; routes of others are ignored. */
  readonly families: readonly Family[];
  /** Longest message to write, in bytes. */
  readonly maxMessage: number;
  /** Families whose prefixes have a path identifier before them: in what is written (`send`), in what is read (`receive`). RFC 7911. */
  readonly addPath: AddPath;
  /** Families whose routes may have an IPv6 next hop (RFC 8950). */
  readonly extendedNextHop: readonly Family[];
}

export const DEFAULT_CONTEXT: CodecContext = {
  as4: true,
  internal: true,
  families: [4, 6],
  maxMessage: MAX_MESSAGE,
  addPath: {},
  extendedNextHop: [],
};
