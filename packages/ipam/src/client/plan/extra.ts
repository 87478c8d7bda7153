import type { AssignedAddress, Extra } from "../types.ts";

/**
 * Asks the caller for its writes once per set of addresses: a commit whose outcome was unknown can then be recognised by
 * what it wrote, also when the writes hold a time or an id made up on the way.
 */
export function rememberExtra(
  make: ((addresses: readonly AssignedAddress[]) => Extra) | undefined,
): (addresses: readonly AssignedAddress[]) => Extra | undefined {
  const made = new Map<string, Extra>();
  return (addresses) => {
    if (make === undefined) return undefined;
    const name = addresses.map(({ address }) => `${address}`).join(" ");
    const extra = made.get(name) ?? make(addresses);
    made.set(name, extra);
    return extra;
  };
}
