import { parseAddress } from "@ocicat/net";
import { transportSuite } from "../../../bgp/test/support/transport-suite.ts";
import { tcpTransport } from "../../src/bgp/tcp-transport.ts";

transportSuite("TCP over node:net", () => ({ transport: tcpTransport(), address: parseAddress("127.0.0.1") }));
