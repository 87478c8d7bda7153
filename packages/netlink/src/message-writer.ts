import { AttributeWriter } from "./attribute-writer.ts";

/** Builds messages one behind the other in one buffer, ready for one send. */
export class MessageWriter extends AttributeWriter {
  #start = -1;

  constructor(capacity = 4096) {
    super(capacity);
  }

  /**
   * Starts a message; the one before is closed.
   *
   *      +--------+--------+---------+------------+-----------+--------------+- - - - - -+
   *      | len 4  | type 2 | flags 2 | sequence 4 | port id 4 | fixed header | attributes|
   *      +--------+--------+---------+------------+-----------+--------------+- - - - - -+
   *        set by the next begin or finish          0: kernel's choice   padded to 4
   */
  begin(type: number, flags: number, sequence: number, fixedHeader: Uint8Array): this {
    this.#close();
    this.#start = this.out.length;
    this.out.u32le(0).u16le(type).u16le(flags).u32le(sequence).u32le(0).bytes(fixedHeader);
    return this.pad();
  }

  /** A copy of all messages, closed. */
  override finish(): Uint8Array {
    this.#close();
    return super.finish();
  }

  #close(): void {
    if (this.#start >= 0) this.out.patchU32le(this.#start, this.out.length - this.#start);
    this.#start = -1;
  }
}
