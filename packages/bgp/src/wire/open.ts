import { ByteReader, type ByteWriter, ipv4, TruncatedError } from "@ocicat/net";
import { BgpError } from "../error.ts";
import { AS_TRANS, MAX_AS2 } from "./attributes/as-path.ts";
import { type Capabilities, decodeCapabilities, encodeCapabilities, NO_CAPABILITIES } from "./capabilities.ts";
import { frame } from "./header.ts";
import type { OpenMessage } from "./message.ts";

export const BGP_VERSION = 4;
const PARAMETER_CAPABILITIES = 2;
/** RFC 9072: as length and as type of the first parameter it announces lengths of two bytes. */
const EXTENDED = 255;

/**
 * RFC 4271 §4.2
 *
 *     +---------------+
 *     |    version    |
 *     +---------------+---------------+
 *     |  my AS, or 23456 (AS_TRANS)   |
 *     +---------------+---------------+
 *     |      hold time, seconds       |
 *     +---------------+---------------+-------------------------------+
 *     |                        BGP identifier                         |
 *     +---------------+-----------------------------------------------+
 *     | params length |  parameters: type, length, value ...
 *     +---------------+
 *
 * RFC 9072 §2, parameters longer than 255 bytes:  | 255 | 255 | length, 2 bytes | type, length (2 bytes), value ...
 */
export function decodeOpen(body: Uint8Array): OpenMessage {
  try {
    return readOpen(new ByteReader(body));
  } catch (error) {
    if (error instanceof TruncatedError)
      throw new BgpError("open/unspecific", "parameters end early", { cause: error });
    throw error;
  }
}

function readOpen(reader: ByteReader): OpenMessage {
  const version = reader.u8();
  if (version !== BGP_VERSION) {
    // The data is the newest version spoken here (RFC 4271 §6.2); nothing after it can be trusted to be what it seems.
    throw new BgpError("open/unsupported-version", `version ${version}`, { data: Uint8Array.of(0, BGP_VERSION) });
  }
  const as2 = reader.u16();
  const holdTimeS = reader.u16();
  const routerId = ipv4(reader.u32());
  const capabilities = readParameters(reader);
  return { type: "open", version, as: capabilities.as4 ?? as2, holdTimeS, routerId, capabilities };
}

function readParameters(reader: ByteReader): Capabilities {
  const capabilities = { ...NO_CAPABILITIES };
  const length = reader.u8();
  const rest = reader.bytes(reader.left);
  const extended = length !== 0 && rest[0] === EXTENDED;
  const parameters = extended ? extendedParameters(rest) : new ByteReader(rest).sub(length);
  while (parameters.left > 0) {
    const type = parameters.u8();
    const value = parameters.sub(extended ? parameters.u16() : parameters.u8());
    if (type !== PARAMETER_CAPABILITIES) {
      throw new BgpError("open/unsupported-parameter", `optional parameter ${type}`);
    }
    decodeCapabilities(value, capabilities);
  }
  return capabilities;
}

function extendedParameters(rest: Uint8Array): ByteReader {
  const reader = new ByteReader(rest);
  reader.skip(1);
  return reader.sub(reader.u16());
}

export function encodeOpen(open: OpenMessage): Uint8Array {
  const capabilities = encodeCapabilities(open.capabilities);
  return frame("open", (writer) => {
    writer
      .u8(open.version)
      .u16(open.as > MAX_AS2 ? AS_TRANS : open.as)
      .u16(open.holdTimeS)
      .u32(open.routerId);
    writeParameters(writer, capabilities);
  });
}

function writeParameters(writer: ByteWriter, capabilities: Uint8Array): void {
  if (capabilities.length === 0) writer.u8(0);
  else if (capabilities.length <= 253) {
    writer
      .u8(capabilities.length + 2)
      .u8(PARAMETER_CAPABILITIES)
      .u8(capabilities.length)
      .bytes(capabilities);
  } else {
    writer
      .u8(EXTENDED)
      .u8(EXTENDED)
      .u16(capabilities.length + 3)
      .u8(PARAMETER_CAPABILITIES)
      .u16(capabilities.length)
      .bytes(capabilities);
  }
}
