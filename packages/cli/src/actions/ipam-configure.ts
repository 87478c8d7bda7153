import {
  DEFAULT_IPAM_CONFIG,
  decodeIpamConfig,
  encodeIpamConfig,
  IPAM_CONFIG_KEY,
  type IpamConfig,
  ipamConfigProblem,
} from "@ocicat/api/ipam";
import { type Datastore, DatastoreError } from "@ocicat/datastore";
import { OcicatError } from "@ocicat/kit";
import { withDatastore } from "../connect/datastore.ts";
import type { IpamConfigureOptions } from "../options/ipam.ts";
import type { Surroundings } from "../surroundings.ts";

export async function configureIpam(surroundings: Surroundings, options: IpamConfigureOptions): Promise<void> {
  const settings = SETTINGS.flatMap((setting) => {
    const text = options[setting.option];
    return text === undefined ? [] : [{ ...setting, ...setting.read(text) }];
  });
  if (settings.length === 0) {
    const flags = SETTINGS.map(({ flag }) => flag).join(", ");
    throw new OcicatError({ code: "CLI_ARGUMENTS", what: "no setting is given", fix: `give at least one of ${flags}` });
  }
  const change = Object.assign({}, ...settings.map(({ change }) => change)) as Partial<IpamConfig>;
  await withDatastore(surroundings, options.config, ({ store }) => changeConfig(store, change));
  for (const { name, shown } of settings) surroundings.print(`Successfully set ${name} to: ${shown}\n`);
}

interface Reading {
  readonly change: Partial<IpamConfig>;
  readonly shown: string;
}

interface Setting {
  readonly option: keyof Omit<IpamConfigureOptions, "config">;
  readonly flag: string;
  /** As ipam show --show-configuration tells it. */
  readonly name: string;
  readonly read: (text: string) => Reading;
}

/** What Calico's field allows. */
const MAX_COOLDOWN_SECONDS = 1200;

const SETTINGS: readonly Setting[] = [
  {
    option: "strictaffinity",
    flag: "--strictaffinity",
    name: "StrictAffinity",
    read(text) {
      const strictAffinity = truth(text) ?? refuse("--strictaffinity", text, "true or false");
      return { change: { strictAffinity }, shown: String(strictAffinity) };
    },
  },
  {
    option: "maxBlocksPerHost",
    flag: "--max-blocks-per-host",
    name: "MaxBlocksPerHost",
    read(text) {
      const maxBlocksPerHost = count("--max-blocks-per-host", text, 2 ** 31 - 1);
      return { change: { maxBlocksPerHost }, shown: String(maxBlocksPerHost) };
    },
  },
  {
    option: "ipCooldownSeconds",
    flag: "--ip-cooldown-seconds",
    name: "IPCooldownSeconds",
    read(text) {
      const ipCooldownSeconds = count("--ip-cooldown-seconds", text, MAX_COOLDOWN_SECONDS);
      return { change: { ipCooldownSeconds }, shown: String(ipCooldownSeconds) };
    },
  },
  {
    option: "kubevirtIpPersistence",
    flag: "--kubevirt-ip-persistence",
    name: "KubeVirtVMAddressPersistence",
    read(text) {
      if (text !== "Enabled" && text !== "Disabled") refuse("--kubevirt-ip-persistence", text, "Enabled or Disabled");
      return { change: { kubeVirtVmAddressPersistence: text }, shown: text };
    },
  },
];

const ATTEMPTS = 10;

/** Over what is stored, unknown fields kept; against whatever somebody else writes at the same time. */
async function changeConfig(store: Datastore, change: Partial<IpamConfig>): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const row = await store.get(IPAM_CONFIG_KEY);
    const config = { ...(row === undefined ? DEFAULT_IPAM_CONFIG : decodeIpamConfig(row.key, row.value)), ...change };
    const problem = ipamConfigProblem(config);
    if (problem !== undefined) {
      const fix = "give --strictaffinity=true too, or --max-blocks-per-host=0";
      throw new OcicatError({
        code: "IPAM_CONFIG_INVALID",
        what: "the settings contradict each other",
        why: problem,
        fix,
      });
    }
    const text = encodeIpamConfig(config);
    try {
      if (row === undefined) await store.create(IPAM_CONFIG_KEY, text);
      else if (row.value !== text) await store.update(IPAM_CONFIG_KEY, text, row.modRevision);
      return;
    } catch (error) {
      const isRaceLost = error instanceof DatastoreError && LOST.has(error.code);
      if (!isRaceLost || attempt === ATTEMPTS) throw error;
    }
  }
}

const LOST: ReadonlySet<string> = new Set(["CONFLICT", "ALREADY_EXISTS", "NOT_FOUND"]);

/** As Go's strconv.ParseBool reads it. */
function truth(text: string): boolean | undefined {
  if (/^(?:1|t|T|true|TRUE|True)$/.test(text)) return true;
  return /^(?:0|f|F|false|FALSE|False)$/.test(text) ? false : undefined;
}

function count(flag: string, text: string, most: number): number {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  return value <= most ? value : refuse(flag, text, `an integer from 0 to ${most}`);
}

function refuse(flag: string, value: string, expected: string): never {
  throw new OcicatError({
    code: "CLI_ARGUMENTS",
    where: flag,
    what: `"${value}" is not possible`,
    fix: `give ${expected}`,
  });
}
