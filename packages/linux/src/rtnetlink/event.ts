import type { KernelEvent } from "../kernel/kernel.ts";
import { addressFrom } from "./address.ts";
import {
  RT_TABLE_LOCAL,
  RTM_DELADDR,
  RTM_DELLINK,
  RTM_DELNEIGH,
  RTM_DELROUTE,
  RTM_NEWADDR,
  RTM_NEWLINK,
  RTM_NEWNEIGH,
  RTM_NEWROUTE,
} from "./constants.ts";
import { linkFrom } from "./link.ts";
import { neighbourFrom } from "./neighbour.ts";
import { routeFrom } from "./route.ts";

type Reader = (payload: Uint8Array) => KernelEvent | undefined;

/** Builds a reader: `parse` says undefined for what is none of ours. */
function reader<T>(parse: (payload: Uint8Array) => T | undefined, event: (parsed: T) => KernelEvent): Reader {
  return (payload) => {
    const parsed = parse(payload);
    return parsed === undefined ? undefined : event(parsed);
  };
}

function mainRouteFrom(payload: Uint8Array) {
  const route = routeFrom(payload);
  return route?.table === RT_TABLE_LOCAL ? undefined : route;
}

const READERS: ReadonlyMap<number, Reader> = new Map([
  [RTM_NEWLINK, reader(linkFrom, (link) => ({ type: "link", link }))],
  [RTM_DELLINK, reader(linkFrom, (link) => ({ type: "link.gone", link }))],
  [RTM_NEWADDR, reader(addressFrom, (address) => ({ type: "address", address }))],
  [RTM_DELADDR, reader(addressFrom, (address) => ({ type: "address.gone", address }))],
  [RTM_NEWROUTE, reader(mainRouteFrom, (route) => ({ type: "route", route }))],
  [RTM_DELROUTE, reader(mainRouteFrom, (route) => ({ type: "route.gone", route }))],
  [RTM_NEWNEIGH, reader(neighbourFrom, (neighbour) => ({ type: "neighbour", neighbour }))],
  [RTM_DELNEIGH, reader(neighbourFrom, (neighbour) => ({ type: "neighbour.gone", neighbour }))],
]);

/** A notification as an event; undefined for what a monitor leaves out. */
export function eventFrom(type: number, payload: Uint8Array): KernelEvent | undefined {
  return READERS.get(type)?.(payload);
}
