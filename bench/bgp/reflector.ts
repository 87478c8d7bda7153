/** Our speaker as a route reflector, in a process of its own. */

import { tcpTransport } from "@ocicat/agent/bgp-transport";
import { createSpeaker, type PeerConfig } from "@ocicat/bgp";
import { type Clock, seededRandom, silentLogger } from "@ocicat/kit";
import { type Ipv4, parseAddress } from "@ocicat/net";
import { AS, CLIENTS, clientAddress, PORT, REFLECTOR } from "./plan.ts";

const clock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, _name, callback) {
    const timer = setTimeout(callback, ms);
    return { cancel: () => clearTimeout(timer) };
  },
};
const address = parseAddress(REFLECTOR) as Ipv4;
const speaker = createSpeaker({
  clock,
  random: seededRandom(1),
  logger: silentLogger,
  transport: tcpTransport(),
  localAs: AS,
  routerId: address,
  listen: { address, port: PORT },
});
speaker.setOriginated([]);
speaker.setPeers(
  Array.from(
    { length: CLIENTS },
    (_, index): PeerConfig => ({
      name: `client${index}`,
      remoteAddress: clientAddress(index),
      localAddress: address,
      remoteAs: AS,
      passive: true,
      holdTimeS: 240,
      clusterId: address,
      reflectorClient: true,
      gracefulRestart: { mode: "off" },
    }),
  ),
);
await speaker.start();
