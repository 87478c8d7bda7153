import { describe, expect, it } from "vitest";
import { parseKubeconfig } from "../../src/config/index.ts";

const PEM = "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n";

interface Parts {
  readonly cluster?: object;
  readonly user?: object;
  readonly more?: object;
}

function parse({ cluster = {}, user = {}, more = {} }: Parts = {}, context?: string) {
  const config = {
    "current-context": "here",
    contexts: [
      { name: "here", context: { cluster: "c", user: "u" } },
      { name: "nobody", context: { cluster: "c" } },
    ],
    clusters: [{ name: "c", cluster: { server: "https://10.0.0.1:6443", ...cluster } }],
    users: [{ name: "u", user }],
    ...more,
  };
  return parseKubeconfig(JSON.stringify(config), "/etc/ocicat/kubeconfig", context);
}

describe("a kubeconfig", () => {
  it("says where the API server is and how it is known", () => {
    const data = { "certificate-authority-data": Buffer.from(PEM).toString("base64"), "tls-server-name": "kubernetes" };
    expect(parse({ cluster: data })).toMatchObject({
      server: { scheme: "https", host: "10.0.0.1", port: 6443, prefix: "" },
      serverName: "kubernetes",
      isInsecure: false,
      ca: { text: PEM },
    });
    expect(parse({ cluster: { "insecure-skip-tls-verify": true } })).toMatchObject({ isInsecure: true, ca: undefined });
    // As a proxy before many clusters has it.
    expect(parse({ cluster: { server: "https://[fd00::1]/k8s/clusters/c-1/" } }).server).toEqual({
      scheme: "https",
      host: "fd00::1",
      port: 443,
      prefix: "/k8s/clusters/c-1",
    });
  });

  it.each([
    [{}, { certificate: undefined, token: undefined }],
    [{ token: "t" }, { token: { text: "t" } }],
    [{ token: "t", tokenFile: "token" }, { token: { file: "/etc/ocicat/token" } }],
    [
      { "client-certificate": "/c.crt", "client-key": "c.key" },
      { certificate: { chain: { file: "/c.crt" }, key: { file: "/etc/ocicat/c.key" } } },
    ],
    [
      { exec: { command: "./get", args: ["a"], env: [{ name: "N", value: "v" }], apiVersion: "x/v1" } },
      { token: { command: { command: "/etc/ocicat/get", args: ["a"], env: { N: "v" }, apiVersion: "x/v1" } } },
    ],
  ])("says who asks: %j; its files are beside it", (user, expected) => {
    expect(parse({ user })).toMatchObject(expected);
  });

  it("has other contexts than its current one, also without a user", () => {
    expect(parse({ user: { token: "t" } }, "nobody").token).toBeUndefined();
    expect(() => parse({}, "elsewhere")).toThrow('contexts: has no context "elsewhere"');
  });

  it.each([
    [{ more: { "current-context": "" } }, "names no current-context"],
    [{ more: { clusters: [] } }, 'clusters: has no cluster "c"'],
    [{ more: { users: {} } }, "users: is not a list"],
    [{ cluster: { server: "ftp://x" } }, 'server: "ftp://x" is not an address'],
    [{ cluster: { "proxy-url": "http://x" } }, "proxy-url: is not supported"],
    [{ cluster: { "certificate-authority-data": "bm8=" } }, "is not a PEM text in base64"],
    [{ user: { token: 1 } }, "users[0].user.token: is not text"],
    [{ user: { username: "u" } }, "username: is not supported; use a client certificate, a token, or exec"],
    [{ user: { "client-certificate": "c" } }, "only one is given"],
  ])("that cannot be used is refused, with the place: %j", (parts: Parts, message) => {
    expect(() => parse(parts)).toThrow(message);
    expect(() => parse(parts)).toThrow("/etc/ocicat/kubeconfig");
  });

  it("that is no YAML, or none at all, is refused", () => {
    expect(() => parseKubeconfig("a: [", "file")).toThrow("file: ");
    expect(() => parseKubeconfig("- a", "file")).toThrow("file: is not a mapping");
  });
});
