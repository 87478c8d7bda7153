import { describe, expect, it } from "vitest";
import { parseAllDocuments } from "yaml";
import { projectManifest } from "../../src/kubernetes/install.ts";
import { editManifest } from "../../src/kubernetes/manifest.ts";

const objects = (text: string) => parseAllDocuments(text).map((document) => document.toJS() as unknown);

describe("the project's manifest, edited as its users edit it", () => {
  it("stays what it is without an edit", () => {
    expect(objects(editManifest(projectManifest(), {}))).toEqual(objects(projectManifest()));
  });

  it("gets a variable's value, whether it was there or not", () => {
    const edited = editManifest(projectManifest(), {
      environment: { CALICO_IPV4POOL_IPIP: "Never", CALICO_IPV4POOL_CIDR: "10.1.0.0/16", NODENAME: "fixed" },
    });
    expect(objects(edited).find((each) => kindOf(each) === "DaemonSet")).toMatchObject({
      spec: {
        template: {
          spec: {
            containers: [
              {
                env: expect.arrayContaining([
                  { name: "CALICO_IPV4POOL_IPIP", value: "Never" },
                  { name: "CALICO_IPV4POOL_CIDR", value: "10.1.0.0/16" },
                  { name: "NODENAME", value: "fixed" },
                ]) as unknown,
              },
            ],
          },
        },
      },
    });
  });

  it("gets an entry of its configuration", () => {
    const edited = editManifest(projectManifest(), { config: { calico_backend: "vxlan" } });
    const config = objects(edited).find((each) => kindOf(each) === "ConfigMap");
    expect(config).toMatchObject({ data: { calico_backend: "vxlan", typha_service_name: "none" } });
  });

  it("is refused if it has no such thing", () => {
    expect(() => editManifest(projectManifest(), { config: { nosuch: "1" } })).toThrow(/no config to change/);
    expect(() => editManifest("kind: Namespace", { environment: { A: "1" } })).toThrow(/no environment to change/);
  });
});

function kindOf(value: unknown): unknown {
  return typeof value === "object" && value !== null && "kind" in value ? value.kind : undefined;
}
