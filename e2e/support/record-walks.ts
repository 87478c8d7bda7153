/**
 * Records walks in real labs for packages/walk/test/golden: all that was seen, and what each kernel held.
 *
 *     node e2e/support/record-walks.ts plain packages/walk/test/golden
 *     node e2e/support/in-uml.ts --share packages/walk/test/golden node e2e/support/record-walks.ts ipip packages/walk/test/golden
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { type Family, familyOf, parseAddress } from "@ocicat/net";
import { follow } from "../../packages/cli/src/walk/follow.ts";
import { labSite } from "../../packages/cli/src/walk/lab-site.ts";
import { encodeRecord } from "../../packages/walk/test/support/recording.ts";
import { eventually, TestLab } from "./lab.ts";

interface Recording {
  readonly name: string;
  readonly from: string;
  readonly to: string;
  readonly family?: Family;
  readonly size?: number;
  /** What is broken for it: a command in a place. */
  readonly before?: readonly [where: string, command: string];
  readonly after?: readonly [where: string, command: string];
}

interface Scene {
  readonly topology: string;
  /** Routes are complete when a node's have this. */
  readonly ready: readonly [node: string, text: string];
  readonly recordings: readonly Recording[];
}

const PLAIN: readonly Scene[] = [
  {
    topology: "bgp",
    ready: ["node1.whale.com", "via 192.168.0.82 dev ens33 proto bird"],
    recordings: [
      { name: "bgp", from: "cni-test-777bbd57c8-ggfsp", to: "cni-test-777bbd57c8-gxv5q" },
      { name: "outside", from: "cni-test-777bbd57c8-ggfsp", to: "203.0.113.10" },
      { name: "no-route", from: "cni-test-777bbd57c8-ggfsp", to: "198.51.100.1" },
      {
        name: "docker",
        from: "cni-test-777bbd57c8-ggfsp",
        to: "cni-test-777bbd57c8-gxv5q",
        before: [
          "node2.whale.com",
          "nft 'add table ip filter; add chain ip filter FORWARD { type filter hook forward priority 0; policy drop; }'",
        ],
        after: ["node2.whale.com", "nft delete table ip filter"],
      },
      {
        name: "too-big",
        from: "cni-test-777bbd57c8-ggfsp",
        to: "cni-test-777bbd57c8-gxv5q",
        size: 1500,
        before: ["node1.whale.com", "ip link set ens33 mtu 1400"],
      },
    ],
  },
  {
    topology: "vxlan",
    ready: ["controlplane", "vxlan.calico onlink"],
    recordings: [
      { name: "vxlan", from: "busybox-deployment-8c7dc8548-8bxnw", to: "busybox-deployment-8c7dc8548-kmxst" },
    ],
  },
  {
    topology: "dual-stack",
    ready: ["node1", "via 192.168.0.82 dev ens33 proto bird"],
    recordings: [{ name: "ipv6", from: "pod1", to: "pod2", family: 6 }],
  },
];

const IPIP: readonly Scene[] = [
  {
    topology: "ipip",
    ready: ["controlplane", "dev tunl0 proto bird onlink"],
    recordings: [
      { name: "ipip", from: "busybox-deployment-8c7dc8548-x6ljh", to: "busybox-deployment-8c7dc8548-btnkv" },
    ],
  },
];

const [which, directory = ""] = process.argv.slice(2);
for (const scene of which === "ipip" ? IPIP : PLAIN) await recordScene(scene, resolve(directory));

async function recordScene({ topology, ready, recordings }: Scene, into: string): Promise<void> {
  const file = fileURLToPath(new URL(`../../packages/lab/topologies/${topology}.yaml`, import.meta.url));
  const lab = new TestLab(readFileSync(file, "utf8"));
  try {
    await lab.up();
    await eventually(
      () => lab.out(ready[0], "ip", "route"),
      (text) => text.includes(ready[1]),
      60_000,
    );
    for (const recording of recordings) await recordWalk(lab, recording, into);
  } finally {
    await lab.down();
  }
}

async function recordWalk(lab: TestLab, { name, from, to, family = 4, size, before, after }: Recording, into: string) {
  const site = labSite(lab.lab);
  const placeOf = (wanted: string) =>
    site.places.find((place) => place.name === wanted || place.addresses.includes(wanted));
  const start = placeOf(from);
  if (start === undefined) throw new Error(`no ${from}`);
  const end = placeOf(to);
  const addressOf = (addresses: readonly string[]) =>
    addresses.map(parseAddress).find((address) => familyOf(address) === family);
  const source = addressOf(start.addresses);
  const destination = addressOf(end?.addresses ?? [to]);
  if (source === undefined || destination === undefined) throw new Error(`no addresses of ${from}, ${to}`);
  if (before !== undefined) await lab.out(before[0], "sh", "-c", before[1]);
  const journey = {
    from: start,
    to: end,
    source,
    destination,
    protocol: "icmp",
    port: undefined,
    size,
    waitMs: 1000,
  } as const;
  const text = await follow(
    site,
    journey,
    () => undefined,
    ({ record }) => {
      // Who saw nothing has no part in it, but for the two ends.
      const isEnd = (place: string) => place === record.from || place === record.to;
      const places = record.places.filter(({ name: place, frames }) => frames.length > 0 || isEnd(place));
      return encodeRecord({ ...record, places });
    },
  );
  if (after !== undefined) await lab.out(after[0], "sh", "-c", after[1]);
  writeFileSync(join(into, `${name}.json`), text);
  process.stdout.write(`${name}: ${text.length} bytes\n`);
}
