/** Our speaker as a route reflector, in a process of its own: `reflector.ts <setup as JSON>`. */

import { tcpTransport } from "@ocicat/agent/bgp-transport";
import { acceptAll, compilePolicy, createSpeaker, type PeerConfig, reject } from "@ocicat/bgp";
import { type Clock, seededRandom, silentLogger } from "@ocicat/kit";
import { type Ipv4, parseAddress, parsePrefix } from "@ocicat/net";
import { AS, clientAddress, FILTER, PORT, REFLECTOR, type Setup } from "./plan.ts";

const setup: Setup = JSON.parse(process.argv[2] ?? "{}");
/** What a BGPFilter is compiled to. */
const filter = compilePolicy(
  [
    {
      name: "BGPFilter bench importV4",
      rules: FILTER.map(({ action, network, ...lengths }) => ({
        action,
        destination: { network: parsePrefix(network), operator: "In", ...lengths },
      })),
    },
  ],
  () => reject("no rule applies"),
);
const policy = setup.filtered ? filter : acceptAll;

const clock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, _name, callback) {
    if (ms <= 0) {
      const immediate = setImmediate(callback);
      return { cancel: () => clearImmediate(immediate) };
    }
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
    { length: setup.clients },
    (_, index): PeerConfig => ({
      name: `client${index}`,
      remoteAddress: clientAddress(index),
      localAddress: address,
      remoteAs: AS,
      passive: true,
      holdTimeS: 240,
      clusterId: address,
      reflectorClient: true,
      importPolicy: policy,
      exportPolicy: policy,
      gracefulRestart: { mode: "off" },
    }),
  ),
);
await speaker.start();
