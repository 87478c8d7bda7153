import type { Family } from "@ocicat/net";
import { attachFilter } from "../libc/filter-calls.ts";
import { check } from "../libc/library.ts";

/** Where the IP header has it: time to live, hop limit. */
const AT = { 4: 8, 6: 7 } as const;
/** SKF_NET_OFF: from the IP header on, whatever the socket's own bytes begin with. */
const FROM_IP_HEADER = -0x10_0000;
const LOAD_BYTE = 0x30;
const JUMP_IF_AT_LEAST = 0x35;
const RETURN = 0x06;
const WHOLE = 0x4_0000;

/**
 * The kernel drops what comes to a socket with a smaller time to live (RFC 5082), before anybody is woken: for datagrams and raw
 * packets, whose sockets take IP_MINTTL and do not act on it. Throws KernelError.
 */
export function requireHopLimit(fd: number, family: Family, least: number): void {
  const program = [
    { code: LOAD_BYTE, k: FROM_IP_HEADER + AT[family] },
    { code: JUMP_IF_AT_LEAST, k: least, otherwise: 1 },
    { code: RETURN, k: WHOLE },
    { code: RETURN, k: 0 },
  ];
  check("setsockopt SO_ATTACH_FILTER", attachFilter(fd, program));
}
