import { writeFileSync } from "node:fs";
import { type Address, parseAddress } from "@ocicat/net";
import { Namespace } from "./namespace.ts";

/** Addresses of the little network below. */
export const ADDRESSES = {
  pod1: { ipv4: parse("10.244.0.1"), ipv6: parse("fd00:244::1") },
  pod2: { ipv4: parse("10.244.0.2"), ipv6: parse("fd00:244::2") },
  /** Of a pool without natOutgoing. */
  pod3: { ipv4: parse("10.245.0.3"), ipv6: parse("fd00:245::3") },
  router: { ipv4: parse("203.0.113.1"), ipv6: parse("2001:db8::1") },
  outside: { ipv4: parse("203.0.113.10"), ipv6: parse("2001:db8::10") },
  /** In the pool, behind `outside`: as a pod of another node is. */
  remotePod: { ipv4: parse("10.244.9.9"), ipv6: parse("fd00:244::99") },
} as const;

export const POD_INTERFACES = { pod1: "cali1111", pod2: "cali2222", pod3: "cali3333" } as const;

/** As Calico gives to every host side. */
const HOST_MAC = "ee:ee:ee:ee:ee:ee";

type Pod = keyof typeof POD_INTERFACES;

/**
 *     pod1 ── cali1111 ┐
 *     pod2 ── cali2222 ┤ router ── eth0 ── outside (and remotePod)
 *     pod3 ── cali3333 ┘
 *
 * Pods as Calico makes them: a /32, the way out by 169.254.1.1, which the router answers for by proxy ARP.
 */
export class Router implements Disposable {
  readonly router: Namespace;
  readonly outside: Namespace;
  readonly pods: Readonly<Record<Pod, Namespace>>;

  constructor() {
    this.router = new Namespace("r");
    this.outside = new Namespace("o");
    this.pods = { pod1: new Namespace("p1"), pod2: new Namespace("p2"), pod3: new Namespace("p3") };
    for (const namespace of this.#all()) {
      sysctl(namespace, "net/ipv6/conf/default/accept_dad", "0");
      sysctl(namespace, "net/ipv6/conf/all/accept_dad", "0");
      namespace.ip("link set lo up");
    }
    sysctl(this.router, "net/ipv4/ip_forward", "1");
    sysctl(this.router, "net/ipv6/conf/all/forwarding", "1");
    this.#connectOutside();
    for (const pod of ["pod1", "pod2", "pod3"] as const) this.#connectPod(pod);
  }

  [Symbol.dispose](): void {
    for (const namespace of this.#all()) namespace[Symbol.dispose]();
  }

  #all(): readonly Namespace[] {
    return [this.router, this.outside, ...Object.values(this.pods)];
  }

  #connectOutside(): void {
    this.router.ip(
      `link add eth0 type veth peer name eth0 netns ${this.outside.name}`,
      "address add 203.0.113.1/24 dev eth0",
      "address add 2001:db8::1/64 dev eth0 nodad",
      "link set eth0 up",
    );
    this.outside.ip(
      "address add 203.0.113.10/24 dev eth0",
      "address add 2001:db8::10/64 dev eth0 nodad",
      "address add 10.244.9.9/32 dev lo",
      "address add fd00:244::99/128 dev lo",
      "link set eth0 up",
      "route add 10.244.0.0/15 via 203.0.113.1",
      "route add fd00:244::/31 via 2001:db8::1",
    );
    // Proxy ARP answers for what there is a route to, and to 169.254.1.1 only the default route leads.
    this.router.ip("route add default via 203.0.113.10", "route add fd00:244::99 via 2001:db8::10");
  }

  #connectPod(pod: Pod): void {
    const host = POD_INTERFACES[pod];
    const { ipv4, ipv6 } = TEXTS[pod];
    this.router.ip(`link add ${host} address ${HOST_MAC} type veth peer name eth0 netns ${this.pods[pod].name}`);
    sysctl(this.router, `net/ipv4/conf/${host}/proxy_arp`, "1");
    sysctl(this.router, `net/ipv4/neigh/${host}/proxy_delay`, "0");
    this.router.ip(
      `link set ${host} up`,
      `address add fe80::ff/64 dev ${host} nodad`,
      `route add ${ipv4} dev ${host} scope link`,
      `route add ${ipv6} dev ${host}`,
    );
    this.pods[pod].ip(
      `address add ${ipv4}/32 dev eth0`,
      `address add ${ipv6}/128 dev eth0 nodad`,
      "link set eth0 up",
      "route add 169.254.1.1 dev eth0 scope link",
      "route add default via 169.254.1.1 dev eth0",
      // Neighbour discovery is IPv6 too: without this, what an unknown interface sends would not even leave the pod.
      `neighbour add fe80::ff lladdr ${HOST_MAC} dev eth0 nud permanent`,
      "route add default via fe80::ff dev eth0",
    );
  }
}

const TEXTS: Readonly<Record<Pod, { readonly ipv4: string; readonly ipv6: string }>> = {
  pod1: { ipv4: "10.244.0.1", ipv6: "fd00:244::1" },
  pod2: { ipv4: "10.244.0.2", ipv6: "fd00:244::2" },
  pod3: { ipv4: "10.245.0.3", ipv6: "fd00:245::3" },
};

function sysctl(namespace: Namespace, path: string, value: string): void {
  namespace.within(() => writeFileSync(`/proc/sys/${path}`, value));
}

function parse(text: string): Address {
  return parseAddress(text);
}
