import {
  clusterInformation,
  DEFAULT_IPAM_CONFIG,
  decodeIpamConfig,
  decodeStored,
  durationMs,
  IPAM_CONFIG_KEY,
  type IpamConfig,
  ippool,
  ipReservation,
  type KubeControllersConfigurationSpec,
  kubeControllersConfiguration,
  reservedNetworks,
} from "@ocicat/api";
import type { KeyValue } from "@ocicat/datastore";
import { toError } from "@ocicat/kit";
import { type Prefix, parsePrefix } from "@ocicat/net";

export interface PoolRow {
  readonly name: string;
  readonly prefix: Prefix;
}

/** What Calico's kube-controllers do where nothing is configured. */
export const DEFAULTS = {
  leakGraceMs: 15 * 60_000,
  compactionMs: 10 * 60_000,
  reconcilerMs: 5 * 60_000,
  metricsPort: 9094,
} as const;

/** What the environment of the process says over the resource, as kube-controllers' does. */
export interface Overrides {
  readonly autoHostEndpoints?: Switch | undefined;
  readonly syncLabels?: Switch | undefined;
  readonly compactionPeriod?: string | undefined;
  readonly reconcilerPeriod?: string | undefined;
}

export type Switch = "Enabled" | "Disabled";

/** What of these is read for settings. */
export const SETTINGS_PREFIXES = [
  ippool.storage.prefix(),
  ipReservation.storage.prefix(),
  clusterInformation.storage.prefix(),
  kubeControllersConfiguration.storage.prefix(),
] as const;

/** What the controllers go by, as the datastore has it. A value that cannot be read is as if it were not there, and named. */
export class Settings {
  readonly #pools = new Map<string, PoolRow>();
  readonly #reserved = new Map<string, readonly Prefix[]>();
  readonly #unreadable = new Map<string, string>();
  #ipam: IpamConfig = DEFAULT_IPAM_CONFIG;
  #isLocked = false;
  #controllers: KubeControllersConfigurationSpec | undefined;
  readonly #overrides: Overrides;

  constructor(overrides: Overrides = {}) {
    this.#overrides = overrides;
    this.#controllers = overridden(undefined, overrides);
  }

  /** How long what seems to be garbage is left alone, in milliseconds; undefined: for ever. */
  get leakGraceMs(): number | undefined {
    return positive(this.#controllers?.controllers.node?.leakGracePeriod, DEFAULTS.leakGraceMs);
  }

  /** How often history is compacted, in milliseconds; undefined: never. */
  get compactionMs(): number | undefined {
    return positive(this.#controllers?.etcdV3CompactionPeriod, DEFAULTS.compactionMs);
  }

  /** 0: none. */
  get metricsPort(): number {
    return this.#controllers?.prometheusMetricsPort ?? DEFAULTS.metricsPort;
  }

  get cooldownSeconds(): number {
    return this.#ipam.ipCooldownSeconds;
  }

  /** Nothing is to be written: the datastore is being migrated. */
  get isLocked(): boolean {
    return this.#isLocked;
  }

  get pools(): readonly PoolRow[] {
    return [...this.#pools.values()];
  }

  get reservations(): readonly Prefix[] {
    return [...this.#reserved.values()].flat();
  }

  /** All that is configured; undefined where nothing is. */
  get controllers(): KubeControllersConfigurationSpec | undefined {
    return this.#controllers;
  }

  /** How often everything is looked at anew, in milliseconds: as often as the most impatient controller says. */
  get reconcilerMs(): number {
    const { node, policy, namespace, serviceAccount, workloadEndpoint } = this.#controllers?.controllers ?? {};
    const asked = [node, policy, namespace, serviceAccount, workloadEndpoint].map((each) => each?.reconcilerPeriod);
    const periods = asked.flatMap((period) => positive(period, DEFAULTS.reconcilerMs) ?? []);
    return durationOr(this.#overrides.reconcilerPeriod) ?? Math.min(...periods, DEFAULTS.reconcilerMs);
  }

  /** Which services of type LoadBalancer get an address. */
  get assignIps(): "AllServices" | "RequestedServicesOnly" {
    return this.#controllers?.controllers.loadBalancer?.assignIPs ?? "AllServices";
  }

  get unreadable(): ReadonlyMap<string, string> {
    return this.#unreadable;
  }

  put(item: KeyValue): void {
    this.#set(item.key, item);
  }

  remove(key: string): void {
    this.#set(key, undefined);
  }

  #set(key: string, item: KeyValue | undefined): void {
    this.#unreadable.delete(key);
    try {
      this.#take(key, item);
    } catch (error) {
      this.#unreadable.set(key, toError(error).message);
      this.#take(key, undefined);
    }
  }

  #take(key: string, item: KeyValue | undefined): void {
    if (key === IPAM_CONFIG_KEY) {
      this.#ipam = item === undefined ? DEFAULT_IPAM_CONFIG : decodeIpamConfig(key, item.value);
    } else if (key.startsWith(ippool.storage.prefix())) {
      setOrDelete(this.#pools, key, item && poolRow(item));
    } else if (key.startsWith(ipReservation.storage.prefix())) {
      setOrDelete(this.#reserved, key, item && reservedNetworks(decodeStored(ipReservation, item)));
    } else if (key === clusterInformation.storage.key("default", undefined)) {
      this.#isLocked = item !== undefined && decodeStored(clusterInformation, item).spec.datastoreReady === false;
    } else if (key === kubeControllersConfiguration.storage.key("default", undefined)) {
      this.#controllers = overridden(item && decodeStored(kubeControllersConfiguration, item).spec, this.#overrides);
    }
  }
}

/** The resource's spec, with what the environment says in its place. */
function overridden(
  spec: KubeControllersConfigurationSpec | undefined,
  { autoHostEndpoints, syncLabels, compactionPeriod }: Overrides,
): KubeControllersConfigurationSpec | undefined {
  const node = syncLabels === undefined ? {} : { syncLabels };
  const before = spec?.controllers.node;
  const hostEndpoint = { ...before?.hostEndpoint, ...(autoHostEndpoints && { autoCreate: autoHostEndpoints }) };
  const isSaid = Object.keys(node).length + Object.keys(hostEndpoint).length > 0;
  if (!isSaid && compactionPeriod === undefined) return spec;
  return {
    ...spec,
    ...(compactionPeriod === undefined ? {} : { etcdV3CompactionPeriod: compactionPeriod }),
    controllers: { ...spec?.controllers, node: { ...before, ...node, hostEndpoint } },
  };
}

function poolRow(item: KeyValue): PoolRow {
  const { metadata, spec } = decodeStored(ippool, item);
  return { name: metadata.name, prefix: parsePrefix(spec.cidr) };
}

function positive(duration: string | undefined, fallback: number): number | undefined {
  if (duration === undefined || duration === "") return fallback;
  const ms = durationMs(duration);
  return ms > 0 ? ms : undefined;
}

function durationOr(duration: string | undefined): number | undefined {
  return duration === undefined ? undefined : durationMs(duration) || undefined;
}

function setOrDelete<V>(map: Map<string, V>, key: string, value: V | undefined): void {
  if (value === undefined) map.delete(key);
  else map.set(key, value);
}
