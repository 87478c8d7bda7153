import { closeSync } from "node:fs";
import type { Family } from "@ocicat/net";
import { check } from "../libc/library.ts";
import { getsockopt } from "../libc/packet-calls.ts";
import { INTERNET } from "../libc/socket-address.ts";
import { SOCK_CLOEXEC, SOCK_RAW, socket } from "../libc/socket-calls.ts";
import type { NamespaceHandle } from "../namespace/handle.ts";
import { withNetns } from "../namespace/with.ts";

/** A table of iptables' old interface as the kernel hands it over. */
export interface LegacyTableBytes {
  /** By hook (prerouting, input, forward, output, postrouting): where its chain begins and where its policy stands. */
  readonly hooks: readonly ({ readonly entry: number; readonly policy: number } | undefined)[];
  /** struct ipt_entry or ip6t_entry, one behind the other. */
  readonly entries: Uint8Array;
}

const IPT_SO_GET_INFO = 64;
const IPT_SO_GET_ENTRIES = 65;
const NAME_BYTES = 32;
const HOOKS = 5;

/*
 * struct ipt_getinfo, in the machine's byte order; ip6tables' is the same:
 *      0          32            36                  56                76              80
 *      +----------+-------------+-------------------+-----------------+---------------+---------------+
 *      | name     | valid hooks | 5 entries' places | 5 policies'     | how many      | bytes of them |
 *      +----------+-------------+-------------------+-----------------+---------------+---------------+
 * struct ipt_get_entries: the name, their bytes (4), padding (4), the entries.
 */
const INFO_BYTES = 84;
const ENTRIES_AT = 40;

/** Of the calling thread's network namespace unless one is named. Needs CAP_NET_ADMIN. Throws KernelError. */
export function readLegacyTable(family: Family, name: string, namespace?: NamespaceHandle): LegacyTableBytes {
  const { domain, level } = INTERNET[family];
  const open = () => socket(domain, SOCK_RAW | SOCK_CLOEXEC, 255);
  const fd = check("socket(SOCK_RAW)", namespace === undefined ? open() : withNetns(namespace, open));
  const ask = (option: number, bytes: Uint8Array) => {
    const length = new Uint8Array(Uint32Array.of(bytes.length).buffer);
    check(`reading iptables' ${name}`, getsockopt(fd, level, option, bytes, length), { where: name });
    return new DataView(bytes.buffer);
  };
  try {
    const info = ask(IPT_SO_GET_INFO, named(name, INFO_BYTES));
    const size = info.getUint32(80, true);
    const request = named(name, ENTRIES_AT + size);
    new DataView(request.buffer).setUint32(NAME_BYTES, size, true);
    ask(IPT_SO_GET_ENTRIES, request);
    const valid = info.getUint32(NAME_BYTES, true);
    return {
      entries: request.subarray(ENTRIES_AT),
      hooks: Array.from({ length: HOOKS }, (_, hook) =>
        (valid & (1 << hook)) === 0
          ? undefined
          : { entry: info.getUint32(36 + 4 * hook, true), policy: info.getUint32(56 + 4 * hook, true) },
      ),
    };
  } finally {
    closeSync(fd);
  }
}

function named(name: string, bytes: number): Uint8Array {
  const buffer = new Uint8Array(bytes);
  buffer.set(new TextEncoder().encode(name).subarray(0, NAME_BYTES - 1));
  return buffer;
}
