import { felixConfiguration, felixSettings } from "@ocicat/api";
import { readBlocks } from "@ocicat/ipam";
import { verdict } from "@ocicat/policy";
import { type Opened, withDatastore } from "../connect/datastore.ts";
import type { WhyPacketOptions } from "../options/policy.ts";
import { endNamed, type PacketEnd } from "../policy/ends.ts";
import { checkOutput, print } from "../policy/output.ts";
import { packetBetween, packetText, readWanted } from "../policy/packet.ts";
import { readPolicyModel } from "../policy/read-model.ts";
import type { Surroundings } from "../surroundings.ts";
import { arrived, probeLive } from "../why/live.ts";
import { EXPECTED, hopJson, keepingIndent, liveJson, liveLines, wayLines } from "../why/say.ts";
import { type WayInput, wayOf } from "../why/way.ts";
import { readPlanCluster } from "./plan-cluster.ts";
import { answering, EXIT, endText, judgedJson } from "./policy-why.ts";

/** The whole way of a packet: route, neighbour, encapsulation, NAT and policy, on each node that it comes by. */
export async function explainWay(
  surroundings: Surroundings,
  from: string,
  to: string,
  options: WhyPacketOptions,
): Promise<void> {
  await answering(surroundings, async () => {
    checkOutput(options.output);
    const wanted = readWanted(options);
    const known = await withDatastore(surroundings, options.config, async (opened) => ({
      ...(await readWay(opened)),
      model: await readPolicyModel(surroundings, opened),
    }));
    const ends = { from: endNamed(known.model, from), to: endNamed(known.model, to) };
    const packet = packetBetween(ends.from, ends.to, wanted, options.ipv6);
    const judged = verdict(packet, known.model);
    const input: WayInput = { ...known, ...meeting(ends, packet), packet, judged };
    const way = wayOf(input);
    const live = options.live === true ? await probeLive(surroundings, packet, judged, options) : undefined;
    const expected = way.expected === "arrives";
    const arrives = (live === undefined ? undefined : arrived(live)) ?? expected;
    print(surroundings, options.output, {
      text: () => {
        const title = `${endText(input.from, packet.source)} → ${endText(input.to, packet.destination)}, ${packetText(packet)}: ${EXPECTED[way.expected]}`;
        return `${[title, ...wayLines(way, live), ...liveLines(expected, live)].map(keepingIndent).join("\n")}\n`;
      },
      json: () => ({
        ...judgedJson({ ...input, places: new Map() }),
        expected: way.expected,
        hops: way.hops.map(hopJson),
        live: liveJson(live),
      }),
    });
    if (!arrives) surroundings.setExitCode(EXIT.denied);
  });
}

type Stored = Pick<WayInput, "cluster" | "blocks" | "natExclusions">;

async function readWay(opened: Opened): Promise<Stored> {
  const [cluster, { blocks }, felix] = await Promise.all([
    readPlanCluster(opened),
    readBlocks(opened.store),
    opened.client.list(felixConfiguration),
  ]);
  const general = felix.items.filter(({ metadata }) => metadata.name === "default").map(({ spec }) => spec);
  return { cluster, blocks, natExclusions: felixSettings(general).natOutgoingExclusions };
}

/** With the addresses that the packet has. */
function meeting(
  { from, to }: { readonly from: PacketEnd; readonly to: PacketEnd },
  {
    source,
    destination,
  }: { readonly source: PacketEnd["addresses"][number]; readonly destination: PacketEnd["addresses"][number] },
) {
  return { from: { ...from, addresses: [source] }, to: { ...to, addresses: [destination] } };
}
