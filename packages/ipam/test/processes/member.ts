/** One process: `node member.ts '{…a Member…}'`. Works until SIGTERM, or until it is killed; SIGTERM lets it finish. */
import { openSync } from "node:fs";
import { DatastoreError } from "@ocicat/datastore";
import { seededRandom } from "@ocicat/kit";
import { formatAddress, parseAddress, parsePrefix } from "@ocicat/net";
import { type AssignedAddress, type Ipam, IpamError } from "../../src/index.ts";
import { note, podsOf, readJournal } from "./journal.ts";
import { ENDPOINTS, MEMBERS, type Member, openIpam, openStore, POOLS } from "./plan.ts";

const member = JSON.parse(process.argv[2] ?? "") as Member;
const pods = new Map(podsOf(readJournal(member.journal)));
const file = openSync(member.journal, "a");
const store = openStore(member);
const ipam = openIpam(member, store);
const random = seededRandom(member.seed);
let isEnding = false;
let number = pods.size;
process.once("SIGTERM", () => {
  isEnding = true;
});

/** A sign of life for whoever watches: the first when it can be asked to end, then one for each thing it has noted. */
const tick = () => process.stdout.write(".");
tick();

/** At once, and how many pods each such kubelet keeps. */
const KUBELETS = 4;
const PODS = 3;

const oneIn = (n: number) => random.uint32() % n === 0;
const pick = <T>(items: readonly T[]): T => items[random.uint32() % items.length] as T;

function write(what: "add" | "given" | "del" | "gone", pod: string, addresses: readonly string[] = []): void {
  note(file, what, pod, addresses);
  tick();
  pods.set(pod, { what, addresses });
}

const handleOf = (pod: string) => `soak.${pod}`;
const isLive = (handle: string) => [...pods].some(([pod, { what }]) => handleOf(pod) === handle && what !== "gone");

async function add(pod: string): Promise<boolean> {
  const before = pods.get(pod);
  write("add", pod);
  try {
    const given = (await request(ipam, pod)).map(({ address }) => formatAddress(address)).sort();
    if (before?.what === "given" && before.addresses.join() !== given.join()) {
      throw new Error(`${pod} had ${before.addresses.join()} and got ${given.join()}`);
    }
    write("given", pod, given);
    return true;
  } catch (error) {
    expected(error);
    return false;
  }
}

function request(client: Ipam, pod: string): Promise<readonly AssignedAddress[]> {
  const handleId = handleOf(pod);
  const extra = (addresses: readonly AssignedAddress[]) => ({
    operations: [{ put: `${ENDPOINTS}${pod}`, value: addresses.map(({ address }) => formatAddress(address)).join() }],
  });
  if (member.name === "load-balancer") return client.autoAssign({ handleId, wants: [{ family: 4 }], extra });
  // What a pod asks for follows from its number: the same again after a crash.
  const [kind, address] = [numberOf(pod) % 6, parseAddress(`10.0.1.${(numberOf(pod) * 7) % 8}`)];
  if (kind === 5) return client.assignIp({ handleId, address, extra }).then((given) => [given]);
  if (kind === 4) return client.autoAssign({ handleId, wants: [{ family: 6 }], extra });
  if (kind === 3) return client.autoAssign({ handleId, wants: [{ family: 4, pools: ["tiny"] }], extra });
  if (kind === 2) return client.autoAssign({ handleId, wants: [{ family: 4 }, { family: 6 }], extra });
  return client.autoAssign({ handleId, wants: [{ family: 4, count: kind + 1 }], extra });
}

function numberOf(pod: string): number {
  return Number(pod.split("-").at(-1));
}

async function remove(pod: string): Promise<void> {
  write("del", pod);
  for (;;) {
    try {
      await ipam.release({ handleId: handleOf(pod), extra: { operations: [{ delete: `${ENDPOINTS}${pod}` }] } });
      write("gone", pod);
      return;
    } catch (error) {
      expected(error);
    }
  }
}

/** A kubelet's work with its pods; now and then somebody gives up a block. */
async function kubelet(own: string[]): Promise<void> {
  while (!isEnding) {
    if (oneIn(12)) await disturb();
    else if (own.length < PODS && oneIn(2)) {
      const pod = `${member.name}-${number++}`;
      if (await add(pod)) own.push(pod);
      else await remove(pod);
    } else {
      const pod = own.splice(random.uint32() % Math.max(1, own.length), 1)[0];
      if (pod === undefined) continue;
      // A repeated ADD gets what it got: `given` is noted again.
      if (oneIn(4)) {
        if (await add(pod)) own.push(pod);
        else await remove(pod);
      } else await remove(pod);
    }
  }
}

async function disturb(): Promise<void> {
  try {
    if (oneIn(3)) await ipam.recover({ isLive });
    else {
      const { prefix, blockSize } = pick(POOLS);
      const block = parsePrefix(
        `${formatAddress(prefix.nth((random.uint32() % 64) % Number(prefix.size)))}/${blockSize}`,
        {
          hostBits: "clear",
        },
      );
      const node = pick(MEMBERS.slice(0, 4));
      await ipam.releaseAffinity(block, { node, requireEmpty: oneIn(2) });
    }
  } catch (error) {
    expected(error);
  }
}

const EXPECTED = [
  "IPAM_EXHAUSTED",
  "IPAM_BLOCK_LIMIT",
  "IPAM_OUTCOME_UNKNOWN",
  "IPAM_ADDRESS_TAKEN",
  "IPAM_CONTENTION",
  "IPAM_EXTRA_CONFLICT",
];

function expected(error: unknown): void {
  if (error instanceof DatastoreError || (error instanceof IpamError && EXPECTED.includes(error.code))) return;
  throw error;
}

await ipam.recover({ isLive }).catch(expected);
const left = [...pods].filter(([, { what }]) => what !== "gone");
const kept: string[] = [];
for (const [pod, { what }] of left) {
  if (what === "given") kept.push(pod);
  else if (what === "add" && oneIn(2) && (await add(pod))) kept.push(pod);
  else await remove(pod);
}
const shares = Array.from({ length: KUBELETS }, (_, index) => kept.filter((_pod, at) => at % KUBELETS === index));
await Promise.all(shares.map(kubelet));
await store.close();
