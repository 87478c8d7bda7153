import type { Macs, Story, StoryEnd, TunnelStep } from "../story/story.ts";
import { isTranslated, type Sentences } from "./sentences.ts";

function end({ place, node, address }: StoryEnd): string {
  if (place === null) return address;
  return `${place} (${address}${node === null ? "" : `, on ${node}`})`;
}

const PROBES: Readonly<Record<Story["probe"]["protocol"], (probe: Story["probe"]) => string>> = {
  icmp: ({ identifier }) => `an ICMP echo request, identifier ${identifier}`,
  tcp: ({ identifier, port }) => `a TCP SYN, port ${identifier} to ${port}`,
  udp: ({ identifier, port }) => `a UDP datagram, port ${identifier} to ${port}`,
};

const macs = ({ source, destination }: Macs) => `${source} → ${destination}`;
const innerMacs = ({ innerMacs: pair }: TunnelStep) => (pair === null ? "" : `, ${macs(pair)}`);

function newMacs(before: Macs | null, after: Macs | null): string {
  if (after === null) return "no MAC addresses from here on";
  return before === null
    ? `MAC addresses again: ${macs(after)}`
    : `MAC addresses ${macs(before)} become ${macs(after)}`;
}

const outer = ({ outer }: TunnelStep) =>
  `outside ${outer.source} → ${outer.destination}, TTL ${outer.ttl}${outer.macs === null ? "" : `, ${macs(outer.macs)}`}`;

export const en: Sentences = {
  title: ({ from, to, probe }) => `${end(from)} → ${end(to)}: ${PROBES[probe.protocol](probe)}, ${probe.size} bytes`,
  theRequest: "The way there",
  theReply: "The way back",
  route: {
    gateway: ({ route, via }) =>
      `route: ${route}. The pod's own address is a single one and shares a subnet with nobody, so that everything goes ` +
      `to the gateway ${via}`,
    pod: ({ route, interface: link }) => `route: ${route}. The pod is on this node, behind ${link}`,
    local: ({ route }) => `route: ${route}. It is an address of its own`,
    block: ({ route, via }) => `route: ${route}. The block is ${via}'s, and nothing is wrapped around the packet`,
    ipip: ({ route, via }) =>
      `route: ${route}. ${via === null ? "It leads through the IPIP tunnel" : `The block is ${via}'s, by the IPIP tunnel`}`,
    vxlan: ({ route, via }) => `route: ${route}. The block is behind the tunnel end ${via}, by the VXLAN tunnel`,
    default: ({ route }) => `route: ${route}. Nothing more specific is known`,
    connected: ({ route }) => `route: ${route}. The destination is on this link`,
    other: ({ route }) => `route: ${route}`,
    nowhere: ({ route }) => `route: ${route}. It leads nowhere`,
    none: ({ destination }) => `route: there is none to ${destination}`,
  },
  because: (why) => `because: ${why}`,
  neighbour({ how, protocol, interface: link, address, mac, state, answeredBy, tunnelTo }) {
    const name = protocol === "arp" ? "ARP" : "neighbour discovery";
    if (how === "unanswered") return `${name} on ${link}: who has ${address}? Nobody answers`;
    const behind = tunnelTo === null ? "" : `, which its forwarding table has behind node ${tunnelTo}`;
    if (how === "known") {
      return mac === null
        ? `${name} on ${link}: ${address} is not in the neighbour table`
        : `neighbour: ${address} is known to be at ${mac} on ${link} (${state})${behind}`;
    }
    const asked = `${name} on ${link}: who has ${address}? `;
    if (answeredBy === null) return `${asked}It is at ${mac}`;
    const { place, interface: other, hasAddress, proxyArp } = answeredBy;
    if (hasAddress || !proxyArp) return `${asked}${place} answers by ${other}: at ${mac}`;
    return `${asked}${place} answers by ${other}: at ${mac}. It does not have that address: proxy_arp = 1 there, so that it answers with its own MAC`;
  },
  frame: ({ interface: link, direction, text }) => `${direction === "out" ? "↗ out" : "↘ in "} ${link}  ${text}`,
  cable: ({ from, to }) =>
    `veth pair: ${from.place}'s ${from.interface} (${from.index}, peer_ifindex ${from.peerIndex}) is the other end of ` +
    `${to.place}'s ${to.interface} (${to.index}, peer_ifindex ${to.peerIndex})`,
  forward: ({ from, to, ttl, macs: pair }) =>
    `forwarded from ${from} to ${to}: TTL ${ttl.before} → ${ttl.after}; ${newMacs(pair.before, pair.after)}`,
  tunnel: {
    encapsulate: {
      ipip: (step) =>
        `${step.interface} wraps it: IP in IP, protocol ${step.outer.protocol}: ${outer(step)}; inside the packet itself, without an Ethernet header; ${step.overhead} bytes more`,
      vxlan: (step) =>
        `${step.interface} wraps it: VXLAN, VNI ${step.vni}, UDP port ${step.port}: ${outer(step)}; inside an Ethernet frame of its own${innerMacs(step)}; ${step.overhead} bytes more`,
    },
    decapsulate: {
      ipip: (step) =>
        `${step.interface} unwraps it: what is left is the packet itself, a raw IP packet without MAC addresses`,
      vxlan: (step) =>
        `${step.interface} unwraps it: VNI ${step.vni}; what is left is the inner frame${innerMacs(step)}`,
    },
  },
  translate: ({ field, before, after, rule }) =>
    `NAT: the ${field} ${before} becomes ${after}${rule === null ? "" : ` (${rule})`}`,
  deliver: ({ address }) => `delivered: ${address} is here`,
  error: ({ says, from, arrived }) =>
    `ICMP error from ${from}: ${says}${arrived ? "" : "; it did not come back to the sender"}`,
  outcome: {
    answered: (story) =>
      `Answered. TTL there ${story.ttl.request.join(" → ")}, back ${story.ttl.reply.join(" → ")}. MAC addresses were new on every link; ` +
      `${isTranslated(story) ? "addresses were changed by NAT." : "the addresses stayed as they were."}`,
    refused: () => "It arrived, and the answer is that nobody listens there.",
    delivered: () => "It arrived; a datagram need not be answered.",
    lost: ({ loss }) => (loss?.of === "reply" ? "The answer is lost." : "It is lost."),
    gone: () => "It has left for where nobody watches, and no answer was seen.",
  },
  lastSeen: ({ last }) =>
    last === null
      ? "It was seen nowhere."
      : `Seen last: ${last.direction === "out" ? "sent" : "received"} by ${last.place} on ${last.interface}.`,
  reasons: {
    icmp: ({ says, from }) => `${from} said so in an ICMP error: ${says}`,
    "no-route": ({ place, destination }) => `${place} has no route to ${destination}`,
    "dead-route": ({ place, route, why }) =>
      `${place} has a route that leads nowhere: ${route}${why === null ? "" : `; because: ${why}`}`,
    "no-neighbour": ({ place, interface: link, address, asked, state }) =>
      `${place} does not know where ${address} is on ${link}: ${asked ? "nobody answered" : (state ?? "unknown")}`,
    "no-proxy-arp": ({ place, interface: link }) => `${place}'s ${link} does not answer for the gateway: proxy_arp = 0`,
    "interface-down": ({ place, interface: link, carrier }) =>
      `${place}'s ${link} is down${carrier ? "" : ", or has no carrier"}`,
    "interface-gone": ({ place, interface: link }) => `the other end of ${link} is not to be found on ${place}`,
    guard: ({ place, interface: link, hook, rule }) =>
      `${place} drops it by our own rule in ${hook}, for ${link} is of no endpoint that is known: ${rule}`,
    rule: ({ place, table, chain, hook, rule, certain }) =>
      `${place}'s table ${table} ${certain ? "drops" : "may drop"} it in ${hook}, chain ${chain}: ${rule ?? "by the chain's policy"}`,
    "rp-filter": ({ place, interface: link, strict, source, route }) =>
      `${place} refuses a packet of ${source} on ${link}: rp_filter is ${strict ? "strict" : "loose"}, and its own route back is ${route ?? "none"}`,
    "no-forwarding": ({ place, interface: link }) => `${place} does not forward what comes in by ${link}`,
    "too-big": ({ place, interface: link, mtu, size }) =>
      `${place}'s ${link} takes ${mtu} bytes and the packet has ${size}, and may not be fragmented`,
    ttl: ({ place }) => `its TTL ran out at ${place}`,
    "mac-of-nobody": ({ place, interface: link, mac }) => `${place} sent it by ${link} to ${mac}, which nobody has`,
    "no-forwarding-entry": ({ place, interface: link, mac }) =>
      `${place}'s ${link} has no forwarding entry for ${mac}: it does not know which node that is`,
    "no-tunnel-device": ({ place, mode }) =>
      `${place} has no ${mode === "ipip" ? "IPIP" : "VXLAN"} device that would unwrap it`,
    silence: ({ place }) => `it arrived at ${place}, and nothing there answers`,
    refused: ({ place, errno }) => `${place}'s own kernel did not send it: ${errno}`,
    unknown: ({ place }) => `nothing was found against it at ${place}`,
  },
  partial: "Other machines on its way could not be watched: this is the part that this one sees.",
};
