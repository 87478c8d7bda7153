import koffi from "koffi";
import { library } from "./library.ts";
import { SOL_SOCKET } from "./socket-calls.ts";

/** One instruction of a classic BPF program. */
export interface FilterInstruction {
  readonly code: number;
  readonly k: number;
  /** Of a comparison: how many instructions to leave out where it does not hold. */
  readonly otherwise?: number;
}

koffi.struct("ocicat_sock_fprog", { length: "uint16_t", program: "void *" });
const call = library.func(
  "int setsockopt(int fd, int level, int name, const ocicat_sock_fprog *program, unsigned int length)",
);
const SO_ATTACH_FILTER = 26;
const FPROG_BYTES = 16;

/**
 * struct sock_filter, one after the other:
 *
 *      0       2    3    4        8
 *      +-------+----+----+--------+
 *      | code  | jt | jf | k      |
 *      +-------+----+----+--------+
 *
 * -1 and errno on failure.
 */
export function attachFilter(fd: number, instructions: readonly FilterInstruction[]): number {
  const program = new Uint8Array(instructions.length * 8);
  const view = new DataView(program.buffer);
  for (const [index, { code, k, otherwise = 0 }] of instructions.entries()) {
    view.setUint16(index * 8, code, true);
    view.setUint8(index * 8 + 3, otherwise);
    view.setInt32(index * 8 + 4, k, true);
  }
  return call(fd, SOL_SOCKET, SO_ATTACH_FILTER, { length: instructions.length, program }, FPROG_BYTES);
}
