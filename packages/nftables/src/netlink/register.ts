/*
 * The kernel's registers: 64 bytes, named twice. A 16-byte register begins at every fourth 4-byte slot.
 *
 *      slot      0   1   2   3   4   5   6   7   8  …  15
 *      16 bytes  1───────────────2───────────────3── … ──
 *      4 bytes   8   9   10  11  12  13  14  15  16 …  23
 *
 * A slot at the start of a 16-byte register is called by that register's number, as the kernel does when it dumps.
 */
export const FIRST_SLOT = 0;
export const SLOT_COUNT = 16;

export function registerNumber(slot: number): number {
  return slot % 4 === 0 ? 1 + slot / 4 : 8 + slot;
}

/** Undefined for the verdict register and for numbers that name no register. */
export function slotOf(register: number): number | undefined {
  if (register >= 1 && register <= 4) return 4 * (register - 1);
  if (register >= 8 && register < 8 + SLOT_COUNT) return register - 8;
  return undefined;
}

/** How many slots a value of so many bytes takes. */
export function slotsOf(bytes: number): number {
  return (bytes + 3) >> 2;
}
