import { memoryNetwork } from "../../src/index.ts";
import { address4 } from "../support/lab.ts";
import { realClock } from "../support/real-clock.ts";
import { tcpTransport } from "../support/tcp-transport.ts";
import { transportSuite } from "../support/transport-suite.ts";

transportSuite("memory", () => {
  const address = address4("10.0.0.1");
  return { transport: memoryNetwork(realClock).host(address), address };
});

// The one that the tests against BIRD use.
transportSuite("TCP", () => ({ transport: tcpTransport(), address: address4("127.0.0.1") }));
