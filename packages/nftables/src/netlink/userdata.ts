import { ByteWriter } from "@ocicat/net";
import { DATA_TYPES, type DataType } from "../ir/data-type.ts";

/*
 * Userdata: bytes the kernel stores and nobody but user space reads. nft's own form, so that nft shows ours:
 *
 *      0      1        2
 *     +------+--------+---------- - - -+------+--------+ - - -
 *     | type | length | value          | type | length |
 *     +------+--------+---------- - - -+------+--------+ - - -
 */
const COMMENT = 0;
const SET_KEY_BYTE_ORDER = 0;
const SET_COMMENT = 7;
/** nft's BYTEORDER_HOST_ENDIAN and BYTEORDER_BIG_ENDIAN; 0 is "none", which nft writes for a concatenation. */
const BYTE_ORDER = { host: 1, network: 2 } as const;
const BYTE_ORDER_NONE = 0;

/** Of a table, a chain, a rule or an element. */
export function commentData(comment: string): Uint8Array {
  const writer = new ByteWriter(comment.length + 3);
  writeText(writer, COMMENT, comment);
  return writer.finish();
}

/** Without the key's byte order nft cannot print an interface name. */
export function setData(key: readonly DataType[], comment: string): Uint8Array {
  const writer = new ByteWriter(comment.length + 9);
  const [only] = key;
  const order = key.length === 1 && only !== undefined ? BYTE_ORDER[DATA_TYPES[only].order] : BYTE_ORDER_NONE;
  writer.u8(SET_KEY_BYTE_ORDER).u8(4).u32le(order);
  if (comment !== "") writeText(writer, SET_COMMENT, comment);
  return writer.finish();
}

/** "" if there is none, or if the bytes are not nft's form. */
export function readComment(userdata: Uint8Array | undefined): string {
  return readText(userdata, COMMENT);
}

export function readSetComment(userdata: Uint8Array | undefined): string {
  return readText(userdata, SET_COMMENT);
}

function writeText(writer: ByteWriter, type: number, text: string): void {
  writer.u8(type).u8(text.length + 1);
  for (let index = 0; index < text.length; index++) writer.u8(text.charCodeAt(index));
  writer.u8(0);
}

function readText(userdata: Uint8Array | undefined, wanted: number): string {
  if (userdata === undefined) return "";
  // A comment a rule and an element: byte by byte, since there are many and they are short.
  for (let at = 0; at + 2 <= userdata.length; ) {
    const [start, end] = [at + 2, Math.min(at + 2 + (userdata[at + 1] ?? 0), userdata.length)];
    if (userdata[at] === wanted) {
      let text = "";
      for (let index = start; index < end - 1; index++) text += String.fromCharCode(userdata[index] ?? 0);
      return text;
    }
    at = end;
  }
  return "";
}
