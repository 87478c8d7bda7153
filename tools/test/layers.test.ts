import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

/**
 * The house's load-bearing walls. A package may import what its row names, for the reason given, and nothing else.
 * Pure packages import nothing of Node's, so that the core runs in a test, in a simulator and in a browser.
 */
const LAYERS: Readonly<Record<string, { readonly pure: boolean; readonly imports: Readonly<Record<string, string>> }>> =
  {
    net: { pure: true, imports: {} },
    kit: { pure: true, imports: {} },
    netlink: { pure: true, imports: { net: "byte readers and writers", kit: "typed errors" } },
    api: {
      pure: true,
      imports: { net: "addresses in resources", kit: "typed errors, exact JSON" },
    },
    datastore: {
      pure: false,
      imports: {
        kit: "clock, errors, scopes",
        "@bufbuild/protobuf": "etcd's messages",
        vitest: "the compliance suite",
      },
    },
    client: {
      pure: true,
      imports: {
        net: "blocks that a new pool may not cut",
        kit: "clock, errors",
        api: "kinds: defaults, rules, stored form",
        datastore: "compare-and-swap",
      },
    },
    ipam: {
      pure: true,
      imports: {
        net: "addresses and blocks",
        kit: "clock, random",
        api: "the stored IPAM forms",
        datastore: "compare-and-swap",
      },
    },
    bgp: { pure: true, imports: { net: "prefixes, bytes", kit: "clock, random, logger" } },
    bfd: { pure: true, imports: { net: "bytes" } },
    routing: { pure: true, imports: { net: "prefixes, longest match", kit: "delta tracking, origins" } },
    policy: {
      pure: true,
      imports: { net: "addresses and networks", kit: "origins, errors", api: "the stored kinds, selectors" },
    },
    nftables: { pure: true, imports: { net: "addresses, bytes", kit: "errors, origins", netlink: "the wire format" } },
    enforcement: {
      pure: true,
      imports: {
        net: "addresses and networks",
        kit: "origins, errors",
        api: "the settings of FelixConfiguration",
        policy: "what is to be enforced",
        nftables: "what enforces it",
      },
    },
    linux: {
      pure: false,
      imports: {
        net: "addresses",
        kit: "errors, scopes",
        netlink: "the wire format",
        koffi: "system calls",
        vitest: "the compliance suite",
      },
    },
    walk: {
      pure: true,
      imports: {
        net: "addresses, bytes",
        kit: "errors",
        nftables: "rules that could apply",
        linux: "what a kernel holds, as types: the pure part",
      },
    },
    doctor: {
      pure: true,
      imports: { net: "addresses", kit: "errors", nftables: "what a ruleset does to a packet", routing: "tunnels" },
    },
    service: { pure: false, imports: { kit: "errors, scopes, metrics" } },
    kubernetes: {
      pure: false,
      imports: {
        net: "addresses of pods and nodes",
        kit: "clock, random, errors",
        api: "the stored forms, what a kind is",
        datastore: "the interface it implements",
        yaml: "kubeconfig",
      },
    },
    controllers: {
      pure: false,
      imports: {
        net: "addresses and blocks",
        kit: "clock, random, logger, metrics",
        api: "the stored forms",
        datastore: "watching, transactions, leases",
        kubernetes: "the datastore that settings name; its Lease, and what services are told",
        ipam: "the block algebra",
        service: "health, metrics, the local socket",
      },
    },
    fanout: {
      pure: false,
      imports: {
        kit: "clock, errors, metrics",
        api: "the kinds, each of which is one order of changes",
        datastore: "what is watched, and etcd's API to serve it by",
        kubernetes: "opening the datastore, whichever it is",
        service: "health, metrics",
        "@bufbuild/protobuf": "etcd's messages",
      },
    },
    cni: {
      pure: false,
      imports: { net: "addresses", kit: "errors, logger", api: "names of endpoints and interfaces" },
    },
    agent: {
      pure: false,
      imports: {
        net: "addresses",
        kit: "everything in it",
        netlink: "sending nftables batches",
        api: "resources",
        datastore: "watching, status",
        kubernetes: "the datastore that settings name; pods, services and their endpoints",
        client: "its own Node resource",
        ipam: "claims",
        bfd: "the sessions that a thread of its keeps",
        bgp: "the speaker",
        routing: "the resolver",
        nftables: "guard and NAT tables",
        policy: "what each endpoint needs",
        enforcement: "the tables that enforce it",
        linux: "the kernel",
        cni: "the plugin's server side",
        doctor: "what the facts it gathers mean",
        service: "health, metrics, the local socket",
        fanout: "what tables watch, where there is one",
        controllers: "what CNI GC collects",
      },
    },
    lab: {
      pure: false,
      imports: {
        net: "addresses",
        kit: "errors",
        api: "pools",
        datastore: "the connection",
        client: "writing the pools",
        linux: "namespaces and links",
        cni: "running plugins as a runtime does",
        yaml: "the topology file",
      },
    },
    cli: {
      pure: false,
      imports: {
        net: "addresses",
        kit: "errors",
        api: "resources, columns",
        datastore: "the connection",
        kubernetes: "the datastore that settings name",
        client: "reading and writing resources",
        routing: "what a change of a pool would do",
        bgp: "MRT files, told",
        ipam: "ipam show",
        agent: "the agent command and its socket",
        cni: "installing the plugin",
        service: "the log of programs that stay",
        fanout: "the fan-out command",
        controllers: "the controllers command and its socket",
        doctor: "findings, and the list of checks",
        lab: "the lab commands",
        nftables: "reading the rules that a packet meets",
        policy: "verdicts, and what a policy would change",
        enforcement: "the rules of a policy, and whether the kernel has them",
        linux: "captures, and the packet of walk",
        walk: "what was captured, told",
        commander: "the command line",
        yaml: "manifests",
      },
    },
  };

/** Parts of an impure package that must stay pure: the interface apart from its drivers. */
const PURE_PARTS = [
  "datastore/src/datastore.ts",
  "datastore/src/errors.ts",
  "datastore/src/memory/",
  "linux/src/kernel/",
  "controllers/src/collect/",
  "kubernetes/src/derive/",
  "kubernetes/src/crd/",
];

function filesBelow(dir: string): string[] {
  return readdirSync(dir, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".ts"))
    .map((entry) => join(entry.parentPath, entry.name));
}

const IMPORT = /^(?:import|export)\b[^"';]*?\bfrom\s*"([^"]+)"|^import\s*"([^"]+)"|\bimport\(\s*"([^"]+)"/gm;

function importsOf(file: string): string[] {
  const text = readFileSync(file, "utf8");
  return [...text.matchAll(IMPORT)].map((match) => match[1] ?? match[2] ?? match[3] ?? "");
}

function packageOf(specifier: string): string {
  if (specifier.startsWith("@ocicat/")) return specifier.split("/")[1] ?? "";
  return specifier.startsWith("@") ? specifier.split("/").slice(0, 2).join("/") : (specifier.split("/")[0] ?? "");
}

describe("dependency direction", () => {
  it("knows every package", () => {
    const packages = readdirSync("packages", { withFileTypes: true }).filter((entry) => entry.isDirectory());
    expect(packages.map((entry) => entry.name).sort()).toEqual(Object.keys(LAYERS).sort());
  });

  it("has no cycles: a row names only rows above it", () => {
    const seen = new Set<string>();
    for (const [name, layer] of Object.entries(LAYERS)) {
      for (const target of Object.keys(layer.imports)) {
        if (target in LAYERS) expect(seen, `${name} imports ${target}, which stands below it`).toContain(target);
      }
      seen.add(name);
    }
  });

  it.each(Object.entries(LAYERS))("%s imports only what its row allows", (name, layer) => {
    const wrong: string[] = [];
    for (const file of filesBelow(join("packages", name, "src"))) {
      for (const specifier of importsOf(file)) {
        if (specifier.startsWith(".")) continue;
        if (specifier.startsWith("node:")) {
          const part = file.slice("packages/".length);
          if (layer.pure || PURE_PARTS.some((pure) => part.startsWith(pure)))
            wrong.push(`${file}: ${specifier} in a pure part`);
          continue;
        }
        const target = packageOf(specifier);
        if (target !== name && !(target in layer.imports)) wrong.push(`${file}: ${specifier}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  it.each(Object.entries(LAYERS).filter(([, layer]) => layer.pure))(
    "%s is pure: no clock, no randomness, no timers of its own",
    (name) => {
      const forbidden =
        /\b(Date\.now|new Date\(\)|Math\.random|setTimeout|setInterval|setImmediate|process\.(?:env|pid|argv|exit|hrtime|nextTick|stdout|stderr|on|cwd|memoryUsage)|Buffer\b|performance\.now)/;
      const wrong = filesBelow(join("packages", name, "src")).flatMap((file) =>
        readFileSync(file, "utf8")
          .split("\n")
          .flatMap((line, index) =>
            forbidden.test(line.replace(/\/\/.*$|\/?\*.*$/g, "")) ? [`${file}:${index + 1}: ${line.trim()}`] : [],
          ),
      );
      expect(wrong).toEqual([]);
    },
  );
});
