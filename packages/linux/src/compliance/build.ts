import { type Address, type Mac, Prefix, parseAddress, parseMac, parsePrefix } from "@ocicat/net";
import { expect } from "vitest";
import type { Kernel, KernelOperation, KernelOutcome, Link, LinkAddress, NextHop, Route } from "../kernel/kernel.ts";
import type { Subject } from "./fixture.ts";

/** RTPROT_BIRD: what the product's own routes carry. */
export const BIRD = 12;
export const MAIN = 254;
export const SCOPE_LINK = 253;
export const CALI_MAC: Mac = parseMac("ee:ee:ee:ee:ee:ee");

export const address: (text: string) => Address = parseAddress;

/** A route of ours in the main table, to be changed where a test wants something else. */
export function route(destination: string, change: Partial<Route> = {}): Route {
  return {
    kind: "unicast",
    destination: parsePrefix(destination),
    table: MAIN,
    protocol: BIRD,
    scope: 0,
    metric: 0,
    preferredSource: undefined,
    nextHops: [],
    mtu: undefined,
    ...change,
  };
}

export function via(gateway: string, linkIndex: number, change: Partial<NextHop> = {}): NextHop {
  return { via: parseAddress(gateway), linkIndex, weight: 1, onlink: false, ...change };
}

export function direct(linkIndex: number): NextHop {
  return { via: undefined, linkIndex, weight: 1, onlink: false };
}

/** "192.0.2.1/24" on a link. */
export function linkAddress(text: string, linkIndex: number, scope = 0): LinkAddress {
  const [host = "", length] = text.split("/");
  return { linkIndex, address: parseAddress(host), prefixLength: Number(length), scope };
}

/** Applies and expects no refusal; says which operation was refused and how. */
export function succeed(kernel: Kernel, ...operations: KernelOperation[]): void {
  expect(kernel.apply(operations)).toEqual(operations.map(() => undefined));
}

/** Applies one operation and expects it to be refused. */
export function refused(kernel: Kernel, operation: KernelOperation): NonNullable<KernelOutcome> {
  const [outcome] = kernel.apply([operation]);
  expect(outcome, `${operation.op} was accepted`).toBeDefined();
  return outcome ?? { errno: "", number: 0, message: "" };
}

export function linkNamed(kernel: Kernel, name: string): Link {
  const link = kernel.link(name);
  if (link === undefined) throw new Error(`there is no link ${name}`);
  return link;
}

export interface Plugged {
  /** Up, with a carrier, 192.0.2.1/24 and 2001:db8::1/64 unless told otherwise. */
  readonly link: Link;
  readonly peer: Link;
}

/** A pair of veth in one namespace, both up. */
export function plug(
  { kernel }: Pick<Subject, "kernel" | "fd">,
  name = "oct0",
  addresses = ["192.0.2.1/24", "2001:db8::1/64"],
): Plugged {
  const peerName = `${name}p`;
  succeed(kernel, { op: "link.veth", veth: { name, up: true, peer: { name: peerName } } });
  const index = linkNamed(kernel, name).index;
  succeed(kernel, { op: "link.set", index: linkNamed(kernel, peerName).index, change: { up: true } });
  const adds = addresses.map((text): KernelOperation => ({ op: "address.add", address: linkAddress(text, index) }));
  succeed(kernel, ...adds);
  return { link: linkNamed(kernel, name), peer: linkNamed(kernel, peerName) };
}

/** Routes to destinations outside of 2001:db8::/32 and the like that the kernel makes by itself for addresses and links. */
export function ours(routes: readonly Route[]): Route[] {
  return routes
    .filter((entry) => entry.protocol === BIRD)
    .toSorted((a, b) => Prefix.compare(a.destination, b.destination) || a.metric - b.metric);
}
