import type { SliceFacts } from "@ocicat/kubernetes/derive";
import { familyOf } from "@ocicat/net";
import type { Service, ServiceEndpoint } from "@ocicat/policy";
import type { ServiceReach } from "@ocicat/routing";
import type { Table } from "../tables/table.ts";

/** A service's endpoints come in slices: which of them are whose. */
export class ServiceSlices {
  /** By service, by the slice's key. */
  readonly #slices = new Map<string, Map<string, SliceFacts>>();

  /** `onChange`: of a service's endpoints; also of those that are there already. */
  constructor(table: Table<SliceFacts>, onChange: (service: string) => void) {
    table.subscribe((key, slice, previous) => {
      const [now, before] = [slice && serviceOf(slice), previous && serviceOf(previous)];
      if (before !== undefined && before !== now) this.#remove(before, key);
      if (now !== undefined && slice !== undefined) {
        this.#slices.set(now, (this.#slices.get(now) ?? new Map<string, SliceFacts>()).set(key, slice));
      }
      for (const service of new Set([before, now])) if (service !== undefined) onChange(service);
    });
  }

  /** `service`: `namespace/name`. None where there are no slices. */
  of(service: string): readonly SliceFacts[] {
    return [...(this.#slices.get(service)?.values() ?? [])];
  }

  #remove(service: string, key: string): void {
    const slices = this.#slices.get(service);
    slices?.delete(key);
    if (slices?.size === 0) this.#slices.delete(service);
  }
}

/** `namespace/name`. */
export function serviceOf({ namespace, service }: SliceFacts): string | undefined {
  return service === undefined ? undefined : `${namespace}/${service}`;
}

/**
 * A service as policy knows it; undefined where it has no slices. Ready or not, as with Calico: packets of a connection that is
 * open are not to be denied when its endpoint is about to go.
 */
export function policyService(key: string, slices: readonly SliceFacts[]): Service | undefined {
  if (slices.length === 0) return undefined;
  const [namespace = "", name = ""] = key.split("/");
  return { namespace, name, endpoints: slices.flatMap(endpointsOf) };
}

function endpointsOf({ endpoints, ports }: SliceFacts): readonly ServiceEndpoint[] {
  const places = ports.length === 0 ? [undefined] : ports;
  return endpoints.flatMap(({ addresses }) => addresses.flatMap((address) => places.map((at) => ({ address, at }))));
}

/** Where a service has ready endpoints; undefined where it has no slices. */
export function reachOf(slices: readonly SliceFacts[], self: string): ServiceReach | undefined {
  if (slices.length === 0) return undefined;
  const ready = slices.flatMap(({ endpoints }) => endpoints).filter(({ isReady }) => isReady);
  const families = (endpoints: typeof ready) =>
    new Set(endpoints.flatMap(({ addresses }) => addresses.map((address) => familyOf(address))));
  return { anywhere: families(ready), here: families(ready.filter(({ node }) => node === self)) };
}
