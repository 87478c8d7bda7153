import type { SetElement } from "@ocicat/nftables";
import type { EndpointNeeds } from "@ocicat/policy";
import { DISPATCHES, type DispatchName } from "../dispatch.ts";
import { dispatchElement, dispatchKey, hostDispatches, workloadGroups } from "../endpoints.ts";
import type { HostDispatches } from "../entrances/rules.ts";
import { type Group, groupOf } from "../group.ts";
import { ALL_OTHERS } from "../interfaces.ts";
import type { TableSink } from "../sink.ts";
import { dispatchMap } from "../static-sets.ts";
import type { KeptGroups } from "./kept-groups.ts";

/** Where the packets of one interface go. */
interface Entry {
  readonly needs: EndpointNeeds;
  readonly groups: ReadonlyMap<DispatchName, Group>;
}

/** The verdict maps, change by change. Groups are held before an element leads to them, and released after. */
export class KeptDispatch {
  readonly #workloads = new Map<string, Entry>();
  readonly #hosts = new Map<string, Entry>();
  #dispatches: HostDispatches = new Map();
  readonly #groups: KeptGroups;
  readonly #sink: TableSink;
  /** Elements to be put once their groups are there. */
  readonly #coming: (() => void)[] = [];
  readonly #leavingMaps = new Set<string>();

  constructor(sink: TableSink, groups: KeptGroups) {
    this.#sink = sink;
    this.#groups = groups;
    for (const name of ["from", "to"] as const) sink.putSet(dispatchMap(name));
  }

  get hosts(): HostDispatches {
    return this.#dispatches;
  }

  /** Undefined: nobody has the interface any more. */
  workload(name: string, needs: EndpointNeeds | undefined): void {
    const groups = new Map((needs === undefined ? [] : workloadGroups(needs)).map((group) => [group.dispatch, group]));
    this.#enter(this.#workloads, name, needs && { needs, groups });
  }

  /** All host endpoints of the node, by interface. True if packets enter by other chains than before. */
  setHosts(hosts: ReadonlyMap<string, EndpointNeeds>): boolean {
    const names = hostDispatches(hosts.values());
    const before = this.#dispatches;
    for (const name of names) if (!before.has(name)) this.#makeMap(name);
    for (const name of before.keys()) if (!names.includes(name)) this.#leavingMaps.add(DISPATCHES[name].map);
    for (const name of new Set([...this.#hosts.keys(), ...hosts.keys()])) {
      const needs = hosts.get(name);
      const groups = needs && new Map(names.map((dispatch) => [dispatch, groupOf(dispatch, needs)]));
      this.#enter(this.#hosts, name, needs && groups && { needs, groups });
    }
    const others = this.#hosts.get(ALL_OTHERS)?.groups;
    this.#dispatches = new Map(names.map((name) => [name, others?.get(name)?.name]));
    return !sameDispatches(before, this.#dispatches);
  }

  /** Puts the elements whose groups are now there. */
  settle(): void {
    for (const put of this.#coming.splice(0)) put();
  }

  sweep(): void {
    for (const name of this.#leavingMaps) this.#sink.deleteSet(name);
    this.#leavingMaps.clear();
  }

  #makeMap(name: DispatchName): void {
    const map = dispatchMap(name);
    // One that was to go is still there, and empty.
    if (!this.#leavingMaps.delete(map.name)) this.#sink.putSet(map);
  }

  #enter(entries: Map<string, Entry>, name: string, entry: Entry | undefined): void {
    const before = entries.get(name);
    for (const group of entry?.groups.values() ?? []) this.#groups.hold(group);
    for (const group of before?.groups.values() ?? []) this.#groups.release(group);
    if (entry === undefined) entries.delete(name);
    else entries.set(name, entry);
    if (name === ALL_OTHERS) return;
    for (const dispatch of new Set([...(before?.groups.keys() ?? []), ...(entry?.groups.keys() ?? [])])) {
      const { map } = DISPATCHES[dispatch];
      const group = entry?.groups.get(dispatch);
      if (entry === undefined || group === undefined) this.#sink.deleteElement(map, [dispatchKey(name)]);
      else if (
        before?.groups.get(dispatch)?.name !== group.name ||
        before.needs.endpoint.id !== entry.needs.endpoint.id
      ) {
        const element: SetElement = dispatchElement(name, entry.needs.endpoint, group);
        this.#coming.push(() => this.#sink.putElement(map, element));
      }
    }
  }
}

function sameDispatches(a: HostDispatches, b: HostDispatches): boolean {
  return a.size === b.size && [...a].every(([name, group]) => b.has(name) && b.get(name) === group);
}
