import { TruncatedError } from "@ocicat/net";
import { Attributes } from "./attributes.ts";
import {
  NLM_F_ACK_TLVS,
  NLM_F_CAPPED,
  NLMSG_DONE,
  NLMSG_ERROR,
  NLMSGERR_ATTR_MSG,
  NLMSGERR_ATTR_OFFS,
} from "./constants.ts";
import type { NetlinkMessage } from "./message.ts";

/** How a request ended. */
export interface Acknowledgement {
  /** Of the request. */
  readonly sequence: number;
  /** errno, positive; 0 is success. */
  readonly number: number;
  /** The kernel's sentence (NETLINK_EXT_ACK); "" if it gave none. A success can carry one too: a warning. */
  readonly message: string;
  /** Byte offset in the request of what was refused. */
  readonly offset: number | undefined;
}

/**
 * Reads NLMSG_ERROR, and NLMSG_DONE at the end of a dump, which carries an errno too.
 *
 *      NLMSG_ERROR                                                        NLMSG_DONE
 *      +----------+---------------------------+- - - - - - +- - - - - -+  +----------+- - - - - -+
 *      | -errno 4 | request's header 16       | its payload| attributes|  | -errno 4 | attributes|
 *      +----------+---------------------------+- - - - - - +- - - - - -+  +----------+- - - - - -+
 *        0: acknowledged                        only if errno and not       only if NLM_F_ACK_TLVS
 *                                               NLM_F_CAPPED
 *
 * Throws TypeError for a message of another type, TruncatedError for one cut short.
 */
export function acknowledgement(message: NetlinkMessage): Acknowledgement {
  if (message.type !== NLMSG_ERROR && message.type !== NLMSG_DONE) {
    throw new TypeError(`message type ${message.type} is no acknowledgement`);
  }
  const { payload } = message;
  if (message.type === NLMSG_DONE && payload.length < 4)
    return { sequence: message.sequence, number: 0, message: "", offset: undefined };
  if (payload.length < 4) throw new TruncatedError(`an acknowledgement of ${payload.length} bytes`);
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  const number = Math.abs(view.getInt32(0, true));
  const attributes =
    (message.flags & NLM_F_ACK_TLVS) === 0
      ? undefined
      : new Attributes(payload.subarray(attributesStart(message, view, number)));
  return {
    sequence: message.sequence,
    number,
    message: attributes?.string(NLMSGERR_ATTR_MSG) ?? "",
    offset: attributes?.u32(NLMSGERR_ATTR_OFFS),
  };
}

function attributesStart(message: NetlinkMessage, view: DataView, number: number): number {
  if (message.type === NLMSG_DONE) return 4;
  const echoed = number !== 0 && (message.flags & NLM_F_CAPPED) === 0;
  return 4 + (echoed ? (view.getUint32(4, true) + 3) & ~3 : 16);
}
