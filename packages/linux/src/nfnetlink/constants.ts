/** Names and numbers of <linux/netfilter/nfnetlink.h>, <…/nfnetlink_conntrack.h>, <…/nfnetlink_log.h>, as far as used. */
const NFNL_SUBSYS_CTNETLINK = 1;

export const IPCTNL_MSG_CT_GET = (NFNL_SUBSYS_CTNETLINK << 8) | 1;
export const IPCTNL_MSG_CT_DELETE = (NFNL_SUBSYS_CTNETLINK << 8) | 2;

/** nfgenmsg: family, version 0, and a number whose meaning is the subsystem's, big-endian. */
export const NFGENMSG = 4;

export function nfgenmsg(family: number, resource = 0): Uint8Array {
  return Uint8Array.of(family, 0, resource >>> 8, resource & 255);
}

const NFNL_SUBSYS_ULOG = 4;

export const NFULNL_MSG_PACKET = NFNL_SUBSYS_ULOG << 8;
export const NFULNL_MSG_CONFIG = (NFNL_SUBSYS_ULOG << 8) | 1;
