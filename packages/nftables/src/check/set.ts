import { elementKey } from "../equality.ts";
import { invalid } from "../errors.ts";
import { ORDERED_TYPES } from "../ir/data-type.ts";
import type { NamedSet, SetElement, SetShape } from "../ir/set.ts";
import { renderKey } from "../text/value.ts";
import { Intervals } from "./intervals.ts";
import { checkDistinct, checkName, checkReason } from "./names.ts";
import { checkValue } from "./value.ts";

/** NFT_DATA_VALUE_MAXLEN / 4, and as many fields as the kernel's registers hold. */
const MAX_FIELDS = 16;
/** A year, in seconds. */
const MAX_TIMEOUT = 31_536_000;

/** A set and all its elements. Throws NftError. */
export function checkSet(where: string, set: NamedSet): void {
  checkName(where, "set", set.name);
  checkReason(where, set.origin);
  if (set.key.length === 0 || set.key.length > MAX_FIELDS) throw invalid(where, "a key has 1 to 16 fields");
  if (set.interval) checkIntervalKey(where, set);
  // To be taken away it would have to be put there first, with the verdict that nobody remembers.
  if (set.timeout && set.data === "verdict") throw invalid(where, "a map with timeouts is not supported");
  if (set.interval && set.timeout) throw invalid(where, "a set of intervals with timeouts is not supported");
  for (const element of set.elements) checkElement(where, set, element);
  checkDistinct(
    where,
    "element",
    set.elements.map((element) => elementKey(set, element)),
  );
  if (set.interval) checkDisjoint(where, set);
}

/** One element of a set whose shape is right. Throws NftError. */
export function checkElement(where: string, set: SetShape, element: SetElement): void {
  const at = `${where} element ${renderKey(set.key, element.key)}`;
  checkReason(at, element.origin);
  if (element.key.length !== set.key.length) {
    throw invalid(at, `the key has ${element.key.length} fields, the set's has ${set.key.length}`);
  }
  for (const [index, type] of set.key.entries()) {
    const value = element.key[index];
    if (value !== undefined) checkValue(at, type, value, set.interval ? "intervalSet" : "set");
  }
  if (element.timeout !== undefined && !set.timeout) {
    throw invalid(at, "a timeout in a set whose elements stay", "make the set with timeout: true");
  }
  if (
    element.timeout !== undefined &&
    !(Number.isInteger(element.timeout) && element.timeout > 0 && element.timeout <= MAX_TIMEOUT)
  ) {
    throw invalid(at, `a timeout of ${element.timeout} seconds`, `use whole seconds, 1 to ${MAX_TIMEOUT}`);
  }
  if ((element.verdict !== undefined) !== (set.data === "verdict")) {
    throw invalid(
      at,
      set.data === "verdict" ? "an element of a verdict map needs a verdict" : "a set holds no verdicts",
    );
  }
}

function checkIntervalKey(where: string, set: NamedSet): void {
  const [type, ...more] = set.key;
  if (more.length > 0) throw invalid(where, "intervals of a concatenated key are not supported");
  const ordered = type === "ipv4_addr" || type === "ipv6_addr" || (type !== undefined && ORDERED_TYPES.has(type));
  if (!ordered) throw invalid(where, `${type} has no intervals`);
}

function checkDisjoint(where: string, set: NamedSet): void {
  const intervals = new Intervals(where, set);
  for (const element of set.elements) intervals.put(element);
  intervals.verify();
}
