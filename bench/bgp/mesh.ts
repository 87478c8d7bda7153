/** A full mesh of a hundred speakers in one process, from nothing to converged: what a session costs. */
import { createSpeaker, isPassive, memoryNetwork, type Speaker } from "@ocicat/bgp";
import { systemClock } from "@ocicat/datastore/etcd";
import { seededRandom, silentLogger } from "@ocicat/kit";
import { formatAddress, type Ipv4, ipv4, Prefix } from "@ocicat/net";
import { type Case, measured } from "../report.ts";

const NODES = 100;
const BLOCKS = 4;
const AS = 64_512;

export async function mesh(): Promise<Case[]> {
  const network = memoryNetwork(systemClock, { latencyMs: 0 });
  const addresses = Array.from({ length: NODES }, (_, index) => ipv4(0x0a00_0001 + index));
  const learned = new Map<Ipv4, number>();
  const cpu = process.cpuUsage();
  const start = performance.now();
  const speakers: Speaker[] = [];
  for (const [index, address] of addresses.entries()) {
    const speaker = createSpeaker({
      clock: systemClock,
      random: seededRandom(index),
      logger: silentLogger,
      transport: network.host(address),
      localAs: AS,
      routerId: address,
      listen: { port: 179 },
      onChange: (changes) => {
        const more = changes.filter(({ best }) => best !== undefined).length;
        learned.set(address, (learned.get(address) ?? 0) + more);
      },
    });
    await speaker.start();
    speakers.push(speaker);
    speaker.setOriginated(
      Array.from({ length: BLOCKS }, (_, block) => ({
        prefix: Prefix.of(ipv4(0x1400_0000 + (index * BLOCKS + block) * 64), 26),
        origin: "a block",
      })),
    );
    speaker.setPeers(
      addresses
        .filter((other) => other !== address)
        .map((other) => ({
          name: formatAddress(other),
          remoteAddress: other,
          localAddress: address,
          remoteAs: AS,
          passive: isPassive(formatAddress(address), formatAddress(other)),
        })),
    );
  }
  const all = (NODES - 1) * BLOCKS;
  while (!addresses.every((address) => (learned.get(address) ?? 0) >= all)) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  const ms = performance.now() - start;
  const { user, system } = process.cpuUsage(cpu);
  await Promise.all(speakers.map((speaker) => speaker.stop()));
  const sessions = (NODES * (NODES - 1)) / 2;
  return [
    measured("a mesh of 100, 4 blocks each, cold", "ms", ms, undefined, { kind: "none" }),
    measured("the same, CPU a session", "ms", (user + system) / 1000 / sessions, undefined, { kind: "none" }),
  ];
}
