import { type Kind, kindNamed } from "@ocicat/api";
import {
  clusterNetworkPolicy,
  type Definition,
  resourceDefinitions,
  rulesByKind,
  storedKinds,
} from "@ocicat/kubernetes/crd";
import { PrivateControlPlane } from "@ocicat/lab/kubernetes";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { Api } from "./support/api.ts";
import { BAD, BAD_VALUES, type Bad } from "./support/bad-resources.ts";

type Json = Readonly<Record<string, unknown>>;

const CLASSIC = "crd.projectcalico.org/v1";
const NATIVE = "projectcalico.org/v3";
const DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

let cluster: PrivateControlPlane;
let api: Api;

beforeAll(async () => {
  cluster = await PrivateControlPlane.start();
  api = new Api(cluster);
  const all = [...resourceDefinitions(CLASSIC), ...resourceDefinitions(NATIVE), clusterNetworkPolicy];
  for (const definition of all) {
    const { status, body } = await api.call("POST", DEFINITIONS, definition);
    expect(status, JSON.stringify(body).slice(0, 2000)).toBe(201);
  }
  await Promise.all(all.map(established));
});

afterAll(async () => {
  api?.[Symbol.dispose]();
  await cluster?.stop();
});

/** Served, and written about without complaint. */
async function established(definition: Definition): Promise<void> {
  const at = `${DEFINITIONS}/${definition.metadata.name}`;
  const conditions = await vi.waitFor(
    async () => {
      const found = conditionsOf((await api.call("GET", at)).body);
      expect(found).toMatchObject({ Established: "True", NamesAccepted: "True" });
      return found;
    },
    { timeout: 20_000 },
  );
  expect(conditions, definition.metadata.name).not.toHaveProperty("NonStructuralSchema");
}

function conditionsOf(body: unknown): Json {
  const { status } = body as { status?: { conditions?: { type: string; status: string }[] } };
  return Object.fromEntries((status?.conditions ?? []).map((each) => [each.type, each.status]));
}

function path(group: string, { plural, namespaced }: Pick<Kind, "plural" | "namespaced">, name = ""): string {
  const below = name === "" ? "" : `/${name}`;
  return `/apis/${group}/${namespaced ? "namespaces/default/" : ""}${plural}${below}`;
}

/** A server answers for a kind shortly after it says so. */
async function create(kind: Kind, document: Json, query = "?dryRun=All&fieldValidation=Strict") {
  return vi.waitFor(
    async () => {
      const answer = await api.call("POST", `${path(NATIVE, kind)}${query}`, document);
      expect(answer.status).not.toBe(404);
      return answer;
    },
    { timeout: 20_000 },
  );
}

const known = (name: string): Kind => {
  const kind = kindNamed(name);
  if (kind === undefined) throw new Error(`there is no kind ${name}`);
  return kind;
};

const EXAMPLES: Readonly<Record<string, Json>> = {
  BlockAffinity: { state: "confirmed", node: "node1", cidr: "10.244.0.0/26", type: "host" },
};

function exampleOf(kind: Kind): { readonly name: string; readonly spec: Json } {
  const { name = "default", spec } = kind.example ?? { spec: EXAMPLES[kind.kind] ?? {} };
  return { name, spec: spec as Json };
}

const document = (kind: Kind, name: string, spec: Json): Json => ({
  apiVersion: NATIVE,
  kind: kind.kind,
  metadata: { name },
  spec,
});

describe("what people write (projectcalico.org/v3)", () => {
  it.each(storedKinds.map((kind): [string, Kind] => [kind.kind, kind]))(
    "%s: a good one is taken",
    async (_name, kind) => {
      const { name, spec } = exampleOf(kind);
      const { status, body } = await create(kind, document(kind, name, spec));
      expect(status, JSON.stringify(body)).toBe(201);
    },
  );

  /** A rule of which some is said by keywords of the schema is refused there in the API server's own words. */
  type Words = "ours" | "ours in part" | "the server's";
  const rules = Object.entries(rulesByKind).flatMap(([kind, sentences]) =>
    Object.entries(sentences).flatMap(([sentence, said]): [string, string, Words][] => {
      const ways = [said].flat().filter((each) => !("unsaid" in each));
      if (ways.length === 0) return [];
      const inOurs = ways.filter((each) => "cel" in each).length;
      return [[kind, sentence, inOurs === 0 ? "the server's" : inOurs === ways.length ? "ours" : "ours in part"]];
    }),
  );

  it.each(rules)("%s: %s (words: %s)", async (name, sentence, words) => {
    const cases = (BAD[sentence] ?? []).filter(({ of = name }) => of === name);
    expect(cases, "no resource breaks this rule").not.toEqual([]);
    const messages: string[] = [];
    for (const bad of cases) messages.push(await refusal(known(name), bad));
    const silent = messages.filter((message) => !message.includes(sentence.replace(/\.$/, "")));
    if (words === "ours") expect(silent).toEqual([]);
    if (words === "ours in part") expect(silent.length).toBeLessThan(messages.length);
  });

  it.each(BAD_VALUES)("%s %j", async (name, spec, says) => {
    expect(await refusal(known(name), { spec })).toContain(says);
  });

  it("a field that there is not is refused by name, where the client asks for it as kubectl does", async () => {
    const kind = known("IPPool");
    const { status, body } = await create(kind, document(kind, "a", { cidr: "10.7.0.0/16", natOutgoin: true }));
    expect(status).toBe(400);
    expect(JSON.stringify(body)).toContain('unknown field \\"spec.natOutgoin\\"');
  });

  it("what is filled in is what our own reading fills in", async () => {
    const kind = known("IPPool");
    const { body } = await create(kind, document(kind, "a", { cidr: "10.7.0.0/16" }));
    expect(body).toMatchObject({
      spec: { ipipMode: "Never", vxlanMode: "Never", allowedUses: ["Workload", "Tunnel"], assignmentMode: "Automatic" },
    });
  });

  it("is found by its short names, and shown with its columns", async () => {
    const { body } = await api.call("GET", `/apis/${NATIVE}`);
    expect(body).toMatchObject({
      resources: expect.arrayContaining([
        expect.objectContaining({ name: "ippools", shortNames: expect.arrayContaining(["ipp", "pool"]) }),
        expect.objectContaining({ name: "globalnetworkpolicies", shortNames: expect.arrayContaining(["gnp"]) }),
      ]),
    });
  });

  /** The message with which it is refused; our own reading refuses it too. */
  async function refusal(kind: Kind, bad: Bad): Promise<string> {
    const { name, spec } = exampleOf(kind);
    const called = bad.name ?? name;
    const wrong = document(kind, called, { ...(bad.alone === true ? {} : spec), ...bad.spec });
    expect(isRefusedHere(kind, wrong, bad), JSON.stringify(wrong)).toBe(true);
    if (bad.before === undefined) return messageOf(await create(kind, wrong));
    const before = await create(kind, document(kind, called, { ...spec, ...bad.before }), "");
    expect(before.status, JSON.stringify(before.body)).toBe(201);
    const at = path(NATIVE, kind, called);
    try {
      return messageOf(await api.call("PATCH", at, { spec: wrong.spec }));
    } finally {
      await api.call("DELETE", at);
    }
  }
});

function messageOf({ status, body }: { readonly status: number; readonly body: unknown }): string {
  expect(status, JSON.stringify(body)).toBe(422);
  return String((body as { message?: unknown }).message);
}

function isRefusedHere(kind: Kind, wrong: Json, { before }: Bad): boolean {
  const namespaced = kind.namespaced
    ? { ...wrong, metadata: { ...(wrong.metadata as Json), namespace: "default" } }
    : wrong;
  const reading = kind.read(namespaced, "strict");
  if (!reading.ok) return true;
  const previous =
    before === undefined
      ? undefined
      : kind.read({ ...namespaced, spec: { ...exampleOf(kind).spec, ...before } }, "strict");
  return kind.check(reading.value, previous?.ok === true ? { previous: previous.value } : {}).length > 0;
}

describe("what Calico's programs write (crd.projectcalico.org/v1)", () => {
  it("comes back as it was, with fields that nobody here knows", async () => {
    for (const kind of storedKinds) {
      if (kind.kind === "IPAMConfiguration") continue;
      const { name, spec } = exampleOf(kind);
      const stored = {
        ...spec,
        ofALaterVersion: { deep: [1, null, "x"] },
        ...(kind.kind === "BlockAffinity" ? { deleted: "false" } : {}),
      };
      const body = { apiVersion: CLASSIC, kind: kind.kind, metadata: { name }, spec: stored };
      const answer = await api.call("POST", `${path(CLASSIC, kind)}?dryRun=All`, body);
      expect(answer.status, JSON.stringify(answer.body)).toBe(201);
      expect((answer.body as { spec: unknown }).spec, kind.kind).toEqual(stored);
    }
  });

  it("keeps IPAM's nulls and its numbers of 64 bits", async () => {
    const spec = {
      cidr: "10.244.0.0/30",
      affinity: null,
      allocations: [null, 0, null, null],
      unallocated: [0, 2, 3],
      attributes: [{ handle_id: "k8s-pod-network.abc", secondary: { pod: "web" } }],
      sequenceNumberForAllocation: { "1": 1 },
      deleted: false,
    };
    const kind = { plural: "ipamblocks", namespaced: false };
    for (const group of [CLASSIC, NATIVE]) {
      const block = { apiVersion: group, kind: "IPAMBlock", metadata: { name: "10-244-0-0-30" }, spec };
      // Beyond what JavaScript's numbers hold: put in as text, and looked for in the text of the answer.
      const exact = '"sequenceNumber":1724312345678901235,"cidr"';
      const answer = await api.call(
        "POST",
        `${path(group, kind)}?dryRun=All`,
        JSON.stringify(block).replace('"cidr"', exact),
      );
      expect(answer.text).toContain('"sequenceNumber":1724312345678901235');
      expect(answer.status, JSON.stringify(answer.body)).toBe(201);
      expect(answer.body).toMatchObject({ spec });
    }
  });
});

describe("ClusterNetworkPolicy (policy.networking.k8s.io/v1alpha2)", () => {
  const at = "/apis/policy.networking.k8s.io/v1alpha2/clusternetworkpolicies?dryRun=All&fieldValidation=Strict";
  const policy = (spec: Json): Json => ({
    apiVersion: "policy.networking.k8s.io/v1alpha2",
    kind: "ClusterNetworkPolicy",
    metadata: { name: "a" },
    spec: { tier: "Admin", priority: 10, subject: { namespaces: {} }, ...spec },
  });

  it("takes what the project's own definition takes", async () => {
    const { status, body } = await api.call(
      "POST",
      at,
      policy({
        ingress: [
          {
            action: "Deny",
            from: [{ pods: { namespaceSelector: {}, podSelector: {} } }],
            protocols: [{ tcp: { destinationPort: { range: { start: 80, end: 90 } } } }],
          },
        ],
        egress: [
          { name: "out", action: "Accept", to: [{ networks: ["10.0.0.0/8"] }, { domainNames: ["*.example.com"] }] },
        ],
      }),
    );
    expect(status, JSON.stringify(body)).toBe(201);
  });

  it.each([
    ["a tier that there is not", { tier: "Middle" }],
    ["a priority above 1000", { priority: 1001 }],
    ["a subject that is both", { subject: { namespaces: {}, pods: { podSelector: {} } } }],
    ["a peer that is nothing", { ingress: [{ action: "Accept", from: [{}] }] }],
    [
      "a range that ends before it begins",
      {
        ingress: [
          {
            action: "Accept",
            from: [{ namespaces: {} }],
            protocols: [{ udp: { destinationPort: { range: { start: 9, end: 8 } } } }],
          },
        ],
      },
    ],
    ["a domain name that is denied", { egress: [{ action: "Deny", to: [{ domainNames: ["a.example.com"] }] }] }],
    [
      "a named port of a network",
      {
        egress: [
          { action: "Accept", to: [{ networks: ["10.0.0.0/8"] }], protocols: [{ destinationNamedPort: "http" }] },
        ],
      },
    ],
  ])("refuses %s", async (_what, spec) => {
    expect((await api.call("POST", at, policy(spec))).status).toBe(422);
  });
});
