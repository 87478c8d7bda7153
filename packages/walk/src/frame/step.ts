import type { ByteReader } from "@ocicat/net";
import type { Header, HeaderName } from "./layer.ts";

/** What reading a header comes to: the header, and what its payload begins with. */
export interface Step {
  readonly header: Header;
  /** Undefined: the payload is data, or something that is not read here. */
  readonly next: HeaderName | undefined;
  readonly payload: ByteReader;
}

/** Reads the packet that an ICMP error quotes. */
export type ReadQuote = (name: HeaderName, bytes: ByteReader) => Header[];

/** Reads one header. Throws TruncatedError where the bytes end too soon. */
export type ReadHeader = (bytes: ByteReader, quote: ReadQuote) => Step;
