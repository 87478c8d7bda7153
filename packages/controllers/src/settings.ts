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
export const DEFAULTS = { leakGraceMs: 15 * 60_000, compactionMs: 10 * 60_000, metricsPort: 9094 } as const;

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
      this.#controllers = item && decodeStored(kubeControllersConfiguration, item).spec;
    }
  }
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

function setOrDelete<V>(map: Map<string, V>, key: string, value: V | undefined): void {
  if (value === undefined) map.delete(key);
  else map.set(key, value);
}
