import { parseAddress, parseMac, parsePrefix } from "@ocicat/net";
import { type AddResult, type CniBackend, podResult } from "../../src/index.ts";

export const POD_RESULT: AddResult = podResult({
  host: { name: "cali0761ccbeace", mac: parseMac("ee:ee:ee:ee:ee:ee") },
  container: { name: "eth0", mac: parseMac("ce:6f:6f:be:05:85"), netns: "/var/run/netns/gp1" },
  mtu: 1440,
  addresses: [parseAddress("10.244.166.128")],
});

export interface Call {
  readonly operation: string;
  readonly request: unknown;
}

/** A backend that remembers what it was asked, and answers as told; everything succeeds unless told otherwise. */
export function fakeBackend(answers: Partial<CniBackend> = {}): {
  readonly backend: CniBackend;
  readonly calls: Call[];
} {
  const calls: Call[] = [];
  const defaults: CniBackend = {
    add: () => Promise.resolve(POD_RESULT),
    del: () => Promise.resolve(),
    check: () => Promise.resolve([]),
    ipamAdd: () =>
      Promise.resolve([{ address: parseAddress("10.244.166.132"), block: parsePrefix("10.244.166.128/26") }]),
    ipamDel: () => Promise.resolve(),
    ipamCheck: () => Promise.resolve([]),
    status: () => Promise.resolve({ ready: true }),
  };
  const chosen = { ...defaults, ...answers };
  const record = <T>(operation: string, request: unknown, run: () => Promise<T>): Promise<T> => {
    calls.push({ operation, request });
    return run();
  };
  const { collect } = chosen;
  return {
    calls,
    backend: {
      add: (request) => record("add", request, () => chosen.add(request)),
      del: (request) => record("del", request, () => chosen.del(request)),
      check: (request) => record("check", request, () => chosen.check(request)),
      ipamAdd: (request) => record("ipamAdd", request, () => chosen.ipamAdd(request)),
      ipamDel: (request) => record("ipamDel", request, () => chosen.ipamDel(request)),
      ipamCheck: (request) => record("ipamCheck", request, () => chosen.ipamCheck(request)),
      status: (request) => record("status", request, () => chosen.status(request)),
      ...(collect === undefined
        ? {}
        : { collect: (network, valid) => record("collect", { network, valid }, () => collect(network, valid)) }),
    },
  };
}
