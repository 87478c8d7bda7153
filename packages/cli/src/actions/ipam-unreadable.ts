import type { Surroundings } from "../surroundings.ts";

/** Rows that cannot be read are left out of what is told, and that is told. */
export function tellUnreadable(
  { tell, setExitCode }: Surroundings,
  unreadable: readonly { readonly key: string; readonly reason: string }[],
): void {
  for (const { key, reason } of unreadable) {
    tell(`${key} is left out, for it cannot be read: ${reason}`);
    setExitCode(1);
  }
}
