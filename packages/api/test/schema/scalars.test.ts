import { describe, expect, it } from "vitest";
import {
  address,
  addressOrNetwork,
  asNumber,
  checkDnsLabel,
  checkDnsSubdomain,
  checkLabelKey,
  checkLabelValue,
  choiceIgnoringCase,
  dscp,
  duration,
  hostNetwork,
  integer,
  interfaceAddress,
  interfaceName,
  mac,
  network,
  portRange,
  regex,
  type ScalarSchema,
} from "../../src/schema/index.ts";

/** The canonical form, or the rule it breaks. */
function outcome(schema: ScalarSchema<unknown>, value: unknown): unknown {
  const checked = schema.check(value);
  return checked.ok ? checked.value : `refused: ${checked.rule}`;
}

describe.each<readonly [string, ScalarSchema<unknown>, readonly (readonly [unknown, unknown])[]]>([
  [
    "a network",
    network(),
    [
      ["10.0.0.0/8", "10.0.0.0/8"],
      ["0.0.0.0/0", "0.0.0.0/0"],
      ["FD00:0::/64", "fd00::/64"],
      ["10.0.0.1", "refused: cidr"],
      ["10.0.0.0/33", "refused: cidr"],
      ["10.0.0.0/-1", "refused: cidr"],
      ["10.0.0/8", "refused: cidr"],
      ["010.0.0.0/8", "refused: cidr"],
      ["10.0.0.1/8", "refused: host-bits"],
      [10, "refused: type"],
    ],
  ],
  [
    "a network of IPv6",
    network(6),
    [
      ["fd00::/64", "fd00::/64"],
      ["10.0.0.0/8", "refused: family"],
    ],
  ],
  [
    "an address",
    address(),
    [
      ["10.0.0.1", "10.0.0.1"],
      ["FD00:0:0::1", "fd00::1"],
      ["10.0.0.1/32", "refused: address"],
      ["fe80::1%eth0", "refused: address"],
      ["", "refused: address"],
    ],
  ],
  ["an address of IPv4", address(4), [["fd00::1", "refused: family"]]],
  [
    "an interface's address",
    interfaceAddress(4),
    [
      ["192.168.0.81/24", "192.168.0.81/24"],
      ["192.168.0.81", "192.168.0.81"],
      ["fd00::1/64", "refused: family"],
      ["192.168.0.81/33", "refused: address"],
    ],
  ],
  [
    "an address or network",
    addressOrNetwork(),
    [
      ["10.0.0.1", "10.0.0.1"],
      ["10.0.0.1/8", "10.0.0.1/8"],
      ["nonsense", "refused: cidr"],
    ],
  ],
  [
    "an endpoint's network",
    hostNetwork(),
    [
      ["10.0.0.1", "10.0.0.1/32"],
      ["10.0.0.1/32", "10.0.0.1/32"],
      ["fd00::1", "fd00::1/128"],
      ["10.0.0.0/31", "refused: host-route"],
      ["10.0.0.1/31", "refused: cidr"],
    ],
  ],
  [
    "a MAC address",
    mac(),
    [
      ["EE:ee:ee:ee:ee:ee", "ee:ee:ee:ee:ee:ee"],
      ["ee-ee-ee-ee-ee-ee", "refused: mac"],
    ],
  ],
  [
    "an AS number",
    asNumber(),
    [
      [64512, 64512],
      ["64512", 64512],
      ["1.10", 65546],
      ["65535.65535", 4294967295],
      ["65536.0", "refused: type"],
      [0, "refused: range"],
      [4294967296, "refused: range"],
      [1.5, "refused: type"],
      ["x", "refused: type"],
    ],
  ],
  [
    "an integer from 20 to 32",
    integer(20, 32),
    [
      [20, 20],
      [32, 32],
      [19, "refused: range"],
      [33, "refused: range"],
      [20.5, "refused: type"],
      [Number.NaN, "refused: type"],
      [Number.POSITIVE_INFINITY, "refused: type"],
    ],
  ],
  [
    "a range of ports",
    portRange(),
    [
      ["30000:32767", "30000:32767"],
      ["80", 80],
      [80, 80],
      ["2:1", "refused: port-range"],
      ["1:65536", "refused: port-range"],
      ["a", "refused: port-range"],
    ],
  ],
  [
    "a duration",
    duration(),
    [
      ["90s", "1m30s"],
      ["-1s", "refused: duration"],
      [90, "refused: type"],
      ["90", "refused: duration"],
    ],
  ],
  [
    "a DSCP",
    dscp(),
    [
      [0, 0],
      [63, 63],
      ["EF", "EF"],
      ["AF41", "AF41"],
      [64, "refused: dscp"],
      ["AF44", "refused: dscp"],
    ],
  ],
  [
    "an interface's name",
    interfaceName(),
    [
      ["cali0761ccbeace", "cali0761ccbeace"],
      ["cali0761ccbeace1", "refused: interface-name"],
      ["a/b", "refused: interface-name"],
      ["", "refused: interface-name"],
    ],
  ],
  [
    "a regular expression",
    regex(),
    [
      ["^((en|wl)[a-z].*)", "^((en|wl)[a-z].*)"],
      ["(?i)^Eth\\-[0-9]", "(?i)^Eth\\-[0-9]"],
      ["(", "refused: regex"],
    ],
  ],
  [
    "a choice in any case",
    choiceIgnoringCase("Drop", "Accept"),
    [
      ["DROP", "Drop"],
      ["accept", "Accept"],
      ["dro", "refused: choice"],
    ],
  ],
])("%s", (_what, schema, cases) => {
  it.each(cases)("%j", (value, expected) => {
    expect(outcome(schema, value)).toEqual(expected);
  });
});

it("an integer says what it may be", () => {
  const phrases = [integer(1, 2), integer(0), integer()].map(({ expects }) => expects);
  expect(phrases).toEqual(["an integer from 1 to 2", "an integer of 0 or more", "an integer"]);
});

describe("names", () => {
  const ok = (check: (value: string) => { readonly ok: boolean }, values: readonly string[]) =>
    values.map((value) => check(value).ok);

  it("are DNS subdomains (RFC 1123)", () => {
    const good = ["a", "a.b", "node1.whale.com", "1-a", "a".repeat(63), `${"a.".repeat(126)}a`];
    const bad = ["", "A", "a_b", "-a", "a-", "a.", ".a", "a..b", "a.-b", "a b", `${"a.".repeat(127)}a`];
    expect(ok(checkDnsSubdomain, good)).toEqual(good.map(() => true));
    expect(ok(checkDnsSubdomain, bad)).toEqual(bad.map(() => false));
  });

  it("of namespaces are DNS labels", () => {
    expect(ok(checkDnsLabel, ["default", "a-1", "a".repeat(63), "a.b", "a".repeat(64), ""])).toEqual([
      true,
      true,
      true,
      false,
      false,
      false,
    ]);
  });

  it("of labels have a prefix and a name", () => {
    const good = ["a", "A_b.C-9", "kubernetes.io/hostname", "a".repeat(63)];
    const bad = ["", "-a", "a-", "A.io/x", "a/b/c", "/a", "a/", "a".repeat(64), "a b"];
    expect(ok(checkLabelKey, good)).toEqual(good.map(() => true));
    expect(ok(checkLabelKey, bad)).toEqual(bad.map(() => false));
    expect(ok(checkLabelValue, ["", "a", "A.b_c-1", "-a", "a/b", "a".repeat(64)])).toEqual([
      true,
      true,
      true,
      false,
      false,
      false,
    ]);
  });
});
