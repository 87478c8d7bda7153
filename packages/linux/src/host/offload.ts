import { closeSync } from "node:fs";
import { errnoNumber } from "../kernel/errno.ts";
import { KernelError } from "../kernel/error.ts";
import { isLinkName } from "../kernel/validate.ts";
import { ethtool } from "../libc/ethtool-calls.ts";
import { check } from "../libc/library.ts";
import { SOCK_CLOEXEC, SOCK_DGRAM, socket } from "../libc/socket-calls.ts";
import { AF_INET } from "../rtnetlink/constants.ts";

/*
 * struct ethtool_value, in the machine's byte order:
 *
 *      0           4           8
 *      +-----------+-----------+
 *      | command   | value     |
 *      +-----------+-----------+
 *        GTXCSUM     1: the device fills in the checksums of what it sends
 */
const ETHTOOL_GTXCSUM = 0x16;
const ETHTOOL_STXCSUM = 0x17;

/** The calling thread must be in the link's network namespace. Throws KernelError. */
export function readTxChecksumOffload(name: string): boolean {
  return ask(`reading the checksum offload of ${name}`, name, Uint32Array.of(ETHTOOL_GTXCSUM, 0))[1] !== 0;
}

export function writeTxChecksumOffload(name: string, on: boolean): void {
  ask(`setting the checksum offload of ${name}`, name, Uint32Array.of(ETHTOOL_STXCSUM, on ? 1 : 0));
}

function ask(operation: string, name: string, words: Uint32Array): Uint32Array {
  if (!isLinkName(name)) throw new KernelError({ operation, number: errnoNumber("EINVAL"), where: name });
  const fd = check(operation, socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  try {
    check(operation, ethtool(fd, name, new Uint8Array(words.buffer)), { where: name });
    return words;
  } finally {
    closeSync(fd);
  }
}
