import { readFileSync } from "node:fs";
import { join } from "node:path";
import { isObject } from "@ocicat/api";
import { type ApiGroup, resourceDefinitions } from "@ocicat/kubernetes/crd";
import { describe, expect, it } from "vitest";
import { parseAllDocuments } from "yaml";
import { CHART, render, TEMPLATES, unknownTemplates, valuesWith } from "../deploy/chart.ts";
import { DEFINITION_TEMPLATES } from "../deploy/definitions.ts";
import { MANIFEST_NAMES, makeManifest } from "../deploy/manifest.ts";

type Json = Readonly<Record<string, unknown>>;

const GROUPS: Readonly<Record<string, ApiGroup>> = {
  "ocicat.yaml": "crd.projectcalico.org/v1",
  "ocicat-v3.yaml": "projectcalico.org/v3",
  "ocicat-fanout.yaml": "crd.projectcalico.org/v1",
  "ocicat-migrate.yaml": "crd.projectcalico.org/v1",
};

function objectsIn(text: string): readonly Json[] {
  return parseAllDocuments(text).flatMap((document) => {
    expect(document.errors).toEqual([]);
    const value: unknown = document.toJS();
    return isObject(value) ? [value] : [];
  });
}

const nameOf = ({ kind, metadata }: Json) => `${String(kind)} ${isObject(metadata) ? String(metadata.name) : ""}`;

describe("deploy/", () => {
  const again = "is not what the parts make: npm run manifests";

  it.each(Object.entries(DEFINITION_TEMPLATES))("%s is current", (file, make) => {
    expect(readFileSync(join(CHART, "templates", file), "utf8") === make(), again).toBe(true);
  });

  it.each(MANIFEST_NAMES)("%s is current", (name) => {
    expect(readFileSync(join(CHART, "..", name), "utf8") === makeManifest(name), again).toBe(true);
  });

  it("has every template of the chart in its manifests", () => {
    expect(unknownTemplates()).toEqual([]);
  });

  it.each(MANIFEST_NAMES)("%s has each object once, and all that the network needs", (name) => {
    const names = objectsIn(makeManifest(name)).map(nameOf);
    expect(new Set(names).size).toBe(names.length);
    expect(names).toEqual(
      expect.arrayContaining(["ConfigMap ocicat-config", "DaemonSet ocicat-node", "Deployment ocicat-controllers"]),
    );
    expect(names.filter((each) => each.startsWith("CustomResourceDefinition"))).toHaveLength(23);
  });
});

describe("what agents and controllers may do", () => {
  it.each(Object.entries(GROUPS))("in %s is about resources that there are", (name, apiGroup) => {
    const group = apiGroup.split("/")[0];
    const defined = resourceDefinitions(apiGroup).map(({ metadata }) => metadata.name.replace(`.${group}`, ""));
    const granted = new Set(
      objectsIn(makeManifest(name))
        .filter(({ kind }) => kind === "ClusterRole")
        .flatMap(({ rules }) => (Array.isArray(rules) ? rules : []))
        .filter((rule: Json) => Array.isArray(rule.apiGroups) && rule.apiGroups.includes(group))
        .flatMap((rule: Json) => (Array.isArray(rule.resources) ? rule.resources : [])),
    );
    expect([...granted].filter((resource) => !defined.includes(String(resource)))).toEqual([]);
    expect(defined.filter((resource) => !granted.has(resource))).toEqual([]);
  });

  it("is never everything of something", () => {
    for (const name of MANIFEST_NAMES) {
      const roles = objectsIn(makeManifest(name)).filter(({ kind }) => kind === "ClusterRole" || kind === "Role");
      expect(JSON.stringify(roles)).not.toContain('"*"');
      expect(JSON.stringify(roles)).not.toContain('"secrets"');
    }
  });
});

describe("the chart's values", () => {
  const daemonSet = (changes: Json) =>
    objectsIn(render("node.yaml", valuesWith(changes), "network")).map((object) => JSON.stringify(object))[0] ?? "";

  it("choose the namespace, the image, nodes and variables", () => {
    const text = daemonSet({
      image: { name: "registry.example/ocicat", tag: "v9" },
      agent: { nodeSelector: { zone: "a" }, env: { FELIX_LOGSEVERITYSCREEN: "debug" } },
    });
    expect(text).toContain('"namespace":"network"');
    expect(text).toContain('"registry.example/ocicat:v9"');
    expect(text).toContain('"nodeSelector":{"kubernetes.io/os":"linux","zone":"a"}');
    expect(text).toContain('{"name":"FELIX_LOGSEVERITYSCREEN","value":"debug"}');
  });

  it("make no pools where none are wanted", () => {
    expect(daemonSet({})).toContain("CALICO_IPV4POOL_IPIP");
    const none = daemonSet({ pools: { create: false } });
    expect(none).toContain('{"name":"NO_DEFAULT_POOLS","value":"true"}');
    expect(none).not.toContain("CALICO_IPV4POOL_");
  });

  it("let agents read the secrets that are named, each by its name, and none unless told", () => {
    const roles = (changes: Json) =>
      objectsIn(render("rbac.yaml", valuesWith(changes), "network")).filter(({ kind }) => kind === "Role");
    const of = (changes: Json) => roles(changes).filter((role) => nameOf(role) === "Role ocicat-node-secrets");
    expect(of({})).toEqual([]);
    expect(of({ bgp: { secrets: ["bgp", "tor"] } })).toMatchObject([
      {
        metadata: { namespace: "network" },
        rules: [{ resources: ["secrets"], resourceNames: ["bgp", "tor"], verbs: ["list", "watch"] }],
      },
    ]);
  });

  it("leave definitions out, for a cluster whose definitions somebody else looks after", () => {
    for (const file of TEMPLATES.filter((each) => each.startsWith("definitions"))) {
      expect(objectsIn(render(file, valuesWith({ definitions: false }), "kube-system"))).toEqual([]);
    }
  });
});
