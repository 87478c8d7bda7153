import type { Macs, Story, StoryEnd, TunnelStep } from "../story/story.ts";
import { isTranslated, type Sentences } from "./sentences.ts";

function end({ place, node, address }: StoryEnd): string {
  if (place === null) return address;
  return `${place}（${address}${node === null ? "" : `，位于 ${node}`}）`;
}

const PROBES: Readonly<Record<Story["probe"]["protocol"], (probe: Story["probe"]) => string>> = {
  icmp: ({ identifier }) => `ICMP echo request，标识符 ${identifier}`,
  tcp: ({ identifier, port }) => `TCP SYN，端口 ${identifier} 到 ${port}`,
  udp: ({ identifier, port }) => `UDP 数据报，端口 ${identifier} 到 ${port}`,
};

const macs = ({ source, destination }: Macs) => `${source} → ${destination}`;
const innerMacs = ({ innerMacs: pair }: TunnelStep) => (pair === null ? "" : `，${macs(pair)}`);

function newMacs(before: Macs | null, after: Macs | null): string {
  if (after === null) return "从这里起没有 MAC 地址";
  return before === null ? `重新有了 MAC 地址：${macs(after)}` : `MAC 地址由 ${macs(before)} 变为 ${macs(after)}`;
}

const outer = ({ outer }: TunnelStep) =>
  `外层 ${outer.source} → ${outer.destination}，TTL ${outer.ttl}${outer.macs === null ? "" : `，${macs(outer.macs)}`}`;

const FIELDS = { source: "源地址", destination: "目的地址" } as const;

export const zh: Sentences = {
  title: ({ from, to, probe }) => `${end(from)} → ${end(to)}：${PROBES[probe.protocol](probe)}，${probe.size} 字节`,
  theRequest: "去程",
  theReply: "回程",
  route: {
    gateway: ({ route, via }) =>
      `路由：${route}。pod 的地址是单个主机地址，与任何地址都不在同一网段，因此所有报文都发往网关 ${via}`,
    pod: ({ route, interface: link }) => `路由：${route}。目的 pod 就在本节点，位于 ${link} 之后`,
    local: ({ route }) => `路由：${route}。这是本机自己的地址`,
    block: ({ route, via }) => `路由：${route}。该地址块属于 ${via}，不做封装`,
    ipip: ({ route, via }) => `路由：${route}。${via === null ? "" : `该地址块属于 ${via}，`}走 IPIP 隧道`,
    vxlan: ({ route, via }) => `路由：${route}。该地址块位于隧道端点 ${via} 之后，走 VXLAN 隧道`,
    default: ({ route }) => `路由：${route}。没有更具体的路由`,
    connected: ({ route }) => `路由：${route}。目的地址在这条链路上`,
    other: ({ route }) => `路由：${route}`,
    nowhere: ({ route }) => `路由：${route}。此路不通`,
    none: ({ destination }) => `路由：没有到 ${destination} 的路由`,
  },
  because: (why) => `原因：${why}`,
  neighbour({ how, protocol, interface: link, address, mac, state, answeredBy, tunnelTo }) {
    const name = protocol === "arp" ? "ARP" : "邻居发现";
    if (how === "unanswered") return `${name}（${link}）：谁有 ${address}？无人应答`;
    const behind = tunnelTo === null ? "" : `，转发表（FDB）指向节点 ${tunnelTo}`;
    if (how === "known") {
      return mac === null
        ? `${name}（${link}）：邻居表中没有 ${address}`
        : `邻居：已知 ${address} 在 ${link} 上的 MAC 为 ${mac}（${state}）${behind}`;
    }
    const asked = `${name}（${link}）：谁有 ${address}？`;
    if (answeredBy === null) return `${asked}它在 ${mac}`;
    const { place, interface: other, hasAddress, proxyArp } = answeredBy;
    if (hasAddress || !proxyArp) return `${asked}${place} 从 ${other} 应答：在 ${mac}`;
    return `${asked}${place} 从 ${other} 应答：在 ${mac}。它并没有这个地址：该接口 proxy_arp = 1，因此用自己的 MAC 代答`;
  },
  frame: ({ interface: link, direction, text }) => `${direction === "out" ? "↗ 发出" : "↘ 收到"} ${link}  ${text}`,
  cable: ({ from, to }) =>
    `veth 对：${from.place} 的 ${from.interface}（${from.index}，peer_ifindex ${from.peerIndex}）的另一端是 ` +
    `${to.place} 的 ${to.interface}（${to.index}，peer_ifindex ${to.peerIndex}）`,
  forward: ({ from, to, ttl, macs: pair }) =>
    `从 ${from} 转发到 ${to}：TTL ${ttl.before} → ${ttl.after}；${newMacs(pair.before, pair.after)}`,
  tunnel: {
    encapsulate: {
      ipip: (step) =>
        `${step.interface} 封装：IP in IP，协议号 ${step.outer.protocol}：${outer(step)}；内层就是原始 IP 报文，没有以太网头；多 ${step.overhead} 字节`,
      vxlan: (step) =>
        `${step.interface} 封装：VXLAN，VNI ${step.vni}，UDP 端口 ${step.port}：${outer(step)}；内层自带以太网帧${innerMacs(step)}；多 ${step.overhead} 字节`,
    },
    decapsulate: {
      ipip: (step) => `${step.interface} 解封装：剩下的就是原始 IP 报文（Raw IP），没有 MAC 地址`,
      vxlan: (step) => `${step.interface} 解封装：VNI ${step.vni}；剩下内层的帧${innerMacs(step)}`,
    },
  },
  translate: ({ field, before, after, rule }) =>
    `NAT：${FIELDS[field]} ${before} 变为 ${after}${rule === null ? "" : `（${rule}）`}`,
  deliver: ({ address }) => `送达：${address} 就在这里`,
  error: ({ says, from, arrived }) => `来自 ${from} 的 ICMP 差错：${says}${arrived ? "" : "；没有回到发送方"}`,
  outcome: {
    answered: (story) =>
      `有应答。去程 TTL ${story.ttl.request.join(" → ")}，回程 ${story.ttl.reply.join(" → ")}。每一段链路上 MAC 地址都不同；` +
      `${isTranslated(story) ? "IP 地址经 NAT 改变。" : "IP 地址始终不变。"}`,
    refused: () => "报文已送达，应答说那里无人监听。",
    delivered: () => "报文已送达；数据报不一定有应答。",
    lost: ({ loss }) => (loss?.of === "reply" ? "应答丢失了。" : "报文丢失了。"),
    gone: () => "报文已发往无法观察之处，没有看到应答。",
  },
  lastSeen: ({ last }) =>
    last === null
      ? "任何地方都没有看到它。"
      : `最后看到：${last.place} 在 ${last.interface} 上${last.direction === "out" ? "发出" : "收到"}。`,
  reasons: {
    icmp: ({ says, from }) => `${from} 以 ICMP 差错说明：${says}`,
    "no-route": ({ place, destination }) => `${place} 没有到 ${destination} 的路由`,
    "dead-route": ({ place, route, why }) =>
      `${place} 的路由不通往任何地方：${route}${why === null ? "" : `；原因：${why}`}`,
    "no-neighbour": ({ place, interface: link, address, asked, state }) =>
      `${place} 不知道 ${address} 在 ${link} 上的何处：${asked ? "无人应答" : (state ?? "未知")}`,
    "no-proxy-arp": ({ place, interface: link }) => `${place} 的 ${link} 不替网关应答：proxy_arp = 0`,
    "interface-down": ({ place, interface: link, carrier }) =>
      `${place} 的 ${link} 没有启用${carrier ? "" : "，或没有载波"}`,
    "interface-gone": ({ place, interface: link }) => `在 ${place} 上找不到 ${link} 的另一端`,
    guard: ({ place, interface: link, hook, rule }) =>
      `${place} 在 ${hook} 被我们自己的规则丢弃，因为 ${link} 不属于任何已知端点：${rule}`,
    rule: ({ place, table, chain, hook, rule, certain }) =>
      `${place} 的表 ${table} 在 ${hook} 的链 ${chain} ${certain ? "会" : "可能会"}丢弃它：${rule ?? "链的默认策略"}`,
    "rp-filter": ({ place, interface: link, strict, source, route }) =>
      `${place} 在 ${link} 上拒绝来自 ${source} 的报文：rp_filter 为${strict ? "严格" : "宽松"}模式，而它自己的回程路由是 ${route ?? "没有"}`,
    "no-forwarding": ({ place, interface: link }) => `${place} 不转发从 ${link} 收到的报文`,
    "too-big": ({ place, interface: link, mtu, size }) =>
      `${place} 的 ${link} 的 MTU 是 ${mtu} 字节，报文有 ${size} 字节，且不允许分片`,
    ttl: ({ place }) => `TTL 在 ${place} 耗尽`,
    "mac-of-nobody": ({ place, interface: link, mac }) => `${place} 从 ${link} 发往 ${mac}，但没有谁有这个 MAC`,
    "no-forwarding-entry": ({ place, interface: link, mac }) =>
      `${place} 的 ${link} 没有 ${mac} 的转发表项（FDB）：不知道它是哪个节点`,
    "no-tunnel-device": ({ place, mode }) => `${place} 没有能解封装的 ${mode === "ipip" ? "IPIP" : "VXLAN"} 设备`,
    silence: ({ place }) => `它到达了 ${place}，但那里没有应答`,
    refused: ({ place, errno }) => `${place} 自己的内核没有发出它：${errno}`,
    unknown: ({ place }) => `在 ${place} 没有找到原因`,
  },
  partial: "途中的其他机器无法观察：这里只是本机看到的部分。",
};
