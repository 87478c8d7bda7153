import type { AttributeSink, MessageWriter } from "@ocicat/netlink";
import { elementComment } from "../comment.ts";
import type { SetElement, SetShape } from "../ir/set.ts";
import type { Operation } from "../plan/operation.ts";
import * as nft from "./constants.ts";
import { writeVerdict } from "./encode-statement.ts";
import { commentData } from "./userdata.ts";
import { concatenate, intervalBounds, pointBytes } from "./value.ts";

/** An attribute's length has 16 bits; one element takes at most some 700 bytes. */
const CHUNK_BYTES = 60_000;

type ElementOperation = Extract<Operation, { op: "elements.add" | "elements.delete" }>;

/** As many messages as the elements need; `begin` starts each. */
export function encodeElements(writer: MessageWriter, operation: ElementOperation, begin: () => void): void {
  const { table, set, elements } = operation;
  const write = operation.op === "elements.add" ? writeElement : writeElementKey;
  let next = 0;
  while (next < elements.length) {
    begin();
    writer.string(nft.NFTA_SET_ELEM_LIST_TABLE, table.name).string(nft.NFTA_SET_ELEM_LIST_SET, set.name);
    writer.nested(nft.NFTA_SET_ELEM_LIST_ELEMENTS, (list) => {
      const limit = writer.length + CHUNK_BYTES;
      for (; next < elements.length && writer.length < limit; next++) {
        const element = elements[next];
        if (element !== undefined) write(list, set, element);
      }
    });
  }
}

/*
 *     NFTA_LIST_ELEM
 *       NFTA_SET_ELEM_KEY       NFTA_DATA_VALUE  "cali123"
 *       NFTA_SET_ELEM_DATA      NFTA_DATA_VERDICT (verdict maps)
 *       NFTA_SET_ELEM_TIMEOUT   milliseconds
 *       NFTA_SET_ELEM_USERDATA  comment
 */
function writeElement(list: AttributeSink, set: SetShape, element: SetElement): void {
  writeKeys(list, set, element, (inner) => {
    const { verdict } = element;
    if (verdict !== undefined) inner.nested(nft.NFTA_SET_ELEM_DATA, (data) => writeVerdict(data, verdict));
    if (element.timeout !== undefined) inner.u64be(nft.NFTA_SET_ELEM_TIMEOUT, 1000n * BigInt(element.timeout));
    const comment = elementComment(element);
    if (comment !== "") inner.bytes(nft.NFTA_SET_ELEM_USERDATA, commentData(comment));
  });
}

function writeElementKey(list: AttributeSink, set: SetShape, element: SetElement): void {
  writeKeys(list, set, element, () => {});
}

/** An interval is two elements: its first value, and flagged as an end the first value behind it, unless there is none. */
function writeKeys(
  list: AttributeSink,
  set: SetShape,
  element: SetElement,
  rest: (inner: AttributeSink) => void,
): void {
  if (!set.interval) {
    const fields = element.key.map((value, index) => pointBytes(set.key[index] ?? "mark", value));
    writeKey(list, concatenate(fields), rest);
    return;
  }
  const [type] = set.key;
  const [value] = element.key;
  if (type === undefined || value === undefined) throw new RangeError(`an element of ${set.name} has no key`);
  const { start, end } = intervalBounds(type, value);
  writeKey(list, start, rest);
  if (end !== undefined) {
    writeKey(list, end, (inner) => inner.u32be(nft.NFTA_SET_ELEM_FLAGS, nft.NFT_SET_ELEM_INTERVAL_END));
  }
}

function writeKey(list: AttributeSink, key: Uint8Array, rest: (inner: AttributeSink) => void): void {
  list.nested(nft.NFTA_LIST_ELEM, (inner) => {
    inner.nested(nft.NFTA_SET_ELEM_KEY, (data) => data.bytes(nft.NFTA_DATA_VALUE, key));
    rest(inner);
  });
}
