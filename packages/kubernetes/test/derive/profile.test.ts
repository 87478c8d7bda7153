import { decodeStored, KUBERNETES_OBJECTS, profile } from "@ocicat/api";
import {
  type DerivedRow,
  rowAsItIs,
  rowOfNamespace,
  rowOfServiceAccount,
  sourceOfProfile,
} from "@ocicat/kubernetes/derive";
import { describe, expect, it } from "vitest";

const UID = "01020304-0506-4708-890a-0b0c0d0e0f10";

const profileIn = ({ key, value }: DerivedRow) => decodeStored(profile, { key, value, modRevision: 9n });

describe("a namespace", () => {
  const namespace = {
    metadata: {
      name: "shop",
      uid: UID,
      creationTimestamp: "2026-11-21T10:00:00Z",
      labels: { team: "a", "projectcalico.org/name": "lies" },
    },
  };

  it("is a profile that allows all, with its labels under names of their own", () => {
    const row = rowOfNamespace(namespace);
    expect(row.key).toBe("/calico/resources/v3/projectcalico.org/profiles/kns.shop");
    const allow = [{ action: "Allow", source: {}, destination: {} }];
    expect(profileIn(row)).toMatchObject({
      metadata: { name: "kns.shop", creationTimestamp: "2026-11-21T10:00:00Z" },
      spec: {
        ingress: allow,
        egress: allow,
        labelsToApply: { "pcns.team": "a", "pcns.projectcalico.org/name": "shop" },
      },
    });
  });

  it("gives its profile another uid, of the same version and variant", () => {
    // 01 → 80, 02 → 40, … ; 47 and 89 stay.
    expect(profileIn(rowOfNamespace(namespace)).metadata.uid).toBe("8040c020-a060-4710-8950-d030b070f008");
  });
});

describe("a service account", () => {
  it("is a profile of labels alone", () => {
    const row = rowOfServiceAccount({
      metadata: { namespace: "shop", name: "seller.v1", uid: UID, labels: { tier: "1" } },
    });
    expect(row.key).toBe("/calico/resources/v3/projectcalico.org/profiles/ksa.shop.seller.v1");
    expect(profileIn(row).spec).toEqual({
      labelsToApply: { "pcsa.tier": "1", "pcsa.projectcalico.org/name": "seller.v1" },
    });
  });
});

describe("what a profile follows from", () => {
  it.each([
    ["kns.shop", { kind: "Namespace", name: "shop" }],
    ["ksa.shop.seller.v1", { kind: "ServiceAccount", namespace: "shop", name: "seller.v1" }],
    ["ksa.shop", undefined],
    ["kns.", undefined],
    ["projectcalico-default-allow", undefined],
  ])("%s", (name, expected) => expect(sourceOfProfile(name)).toEqual(expected));
});

describe("an object that is read as it is", () => {
  it("says what it is, and not who wrote which field", () => {
    const item = { metadata: { name: "deny", namespace: "shop", managedFields: [{}] }, spec: { podSelector: {} } };
    const row = rowAsItIs(KUBERNETES_OBJECTS.networkPolicy, item);
    expect(row.key).toBe("/calico/resources/v3/projectcalico.org/kubernetesnetworkpolicies/shop/deny");
    expect(JSON.parse(row.value)).toEqual({
      kind: "NetworkPolicy",
      apiVersion: "networking.k8s.io/v1",
      metadata: { name: "deny", namespace: "shop" },
      spec: { podSelector: {} },
    });
  });

  it.each([
    ["clusterNetworkPolicy", "/calico/resources/v3/projectcalico.org/kubernetesclusternetworkpolicies/a"],
    ["service", "/calico/resources/v3/projectcalico.org/kubernetesservice/shop/a"],
    ["endpointSlice", "/calico/resources/v3/projectcalico.org/kubernetesendpointslices/shop/a"],
  ] as const)("%s stands under Calico's name for it", (name, key) => {
    expect(rowAsItIs(KUBERNETES_OBJECTS[name], { metadata: { name: "a", namespace: "shop" } }).key).toBe(key);
  });
});
