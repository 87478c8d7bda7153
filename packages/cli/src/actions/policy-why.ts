import { isOcicatError, toError } from "@ocicat/kit";
import { formatAddress } from "@ocicat/net";
import { describeWalk, type Packet, protocolName, type Verdict, verdict } from "@ocicat/policy";
import { withDatastore } from "../connect/datastore.ts";
import { IN_MACHINE } from "../connect/lab.ts";
import type { PolicyWhyOptions } from "../options/policy.ts";
import { endNamed, type PacketEnd } from "../policy/ends.ts";
import { checkOutput, print, type Shown } from "../policy/output.ts";
import { packetBetween, packetText, readWanted } from "../policy/packet.ts";
import { readPolicyFile } from "../policy/read-file.ts";
import { readPolicyModel } from "../policy/read-model.ts";
import { placeIn, walkJson } from "../policy/walk-json.ts";
import { type PolicyPlaces, placesOf, withManifests } from "../policy/with-manifests.ts";
import type { Surroundings } from "../surroundings.ts";
import { arrived, type Live, probeLive } from "../why/live.ts";
import { keepingIndent, liveJson, liveLines } from "../why/say.ts";

/** As ping's: 0 it passes, 1 it does not, 2 it is not known. */
export const EXIT = { denied: 1, unknown: 2 } as const;

export async function explainPolicy(
  surroundings: Surroundings,
  from: string,
  to: string,
  options: PolicyWhyOptions,
): Promise<void> {
  await answering(surroundings, async () => {
    checkOutput(options.output);
    const wanted = readWanted(options);
    const { model, manifests } = await withDatastore(surroundings, options.config, async (opened) => {
      const files = await readPolicyFile(surroundings, opened, options);
      return { manifests: files, model: withManifests(await readPolicyModel(surroundings, opened), files, "applied") };
    });
    const ends = { from: endNamed(model, from), to: endNamed(model, to) };
    const packet = packetBetween(ends.from, ends.to, wanted, options.ipv6);
    const judged = verdict(packet, model);
    const live = options.live === true ? await probeLive(surroundings, packet, judged, options) : undefined;
    print(surroundings, options.output, shown({ ...ends, packet, judged, places: placesOf(manifests) }, live));
    const isAllowed = (live === undefined ? undefined : arrived(live)) ?? judged.allowed;
    if (!isAllowed) surroundings.setExitCode(EXIT.denied);
  });
}

/** What cannot be answered is told and ends with an exit code of its own: `denied` is an answer. */
export async function answering(surroundings: Surroundings, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    // Not a failure: the command is handed over to where the lab is.
    if (isOcicatError(error) && error.code === IN_MACHINE) throw error;
    if (!isOcicatError(error)) throw error;
    surroundings.tell(toError(error).message);
    surroundings.setExitCode(EXIT.unknown);
  }
}

export interface Judged {
  readonly from: PacketEnd;
  readonly to: PacketEnd;
  readonly packet: Packet;
  readonly judged: Verdict;
  readonly places: PolicyPlaces;
}

function shown(known: Judged, live: Live | undefined): Shown {
  return {
    text: () => `${[...textLines(known), ...liveLines(known.judged.allowed, live)].map(keepingIndent).join("\n")}\n`,
    json: () => ({ ...judgedJson(known), live: liveJson(live) }),
  };
}

function textLines({ from, to, packet, judged, places }: Judged): readonly string[] {
  const sides = [judged.egress, judged.ingress].filter((walk) => walk !== undefined);
  return [
    `${endText(from, packet.source)} → ${endText(to, packet.destination)}, ${packetText(packet)}: ${judged.allowed ? "allowed" : "denied"}`,
    ...(sides.length === 0 ? ["", "Nothing judges it: no endpoint with policies is at either end."] : []),
    ...sides.flatMap((walk) => ["", ...describeWalk(walk, { placeOf: placeIn(places) })]),
  ];
}

export function endText({ name, node }: PacketEnd, address: Packet["source"]): string {
  const text = formatAddress(address);
  const at = node === undefined || node === name ? "" : ` on ${node}`;
  return name === text ? text : `${name} (${text}${at})`;
}

export function judgedJson({ from, to, packet, judged, places }: Judged) {
  const { protocol, sourcePort = null, destinationPort = null, icmp = null } = packet;
  const end = ({ name, node, workload }: PacketEnd, address: Packet["source"]) => ({
    name,
    address: formatAddress(address),
    node: node ?? null,
    endpoint: workload?.id ?? null,
  });
  return {
    from: end(from, packet.source),
    to: end(to, packet.destination),
    packet: { protocol: protocolName(protocol), sourcePort, destinationPort, icmp },
    allowed: judged.allowed,
    egress: walkJson(judged.egress, places),
    ingress: walkJson(judged.ingress, places),
  };
}
