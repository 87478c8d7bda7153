import type { Expression, Table } from "@ocicat/nftables";
import type { PolicyModel, Rule } from "@ocicat/policy";
import { ranges } from "./kernel/match.ts";
import { type AddressRange, rangeOf } from "./space/header.ts";

/** Every range of addresses that the kernel's tables name. */
export function rangesInTable({ sets, chains }: Table): AddressRange[] {
  return [
    ...sets.flatMap(({ elements }) => elements.flatMap(({ key }) => ranges(key))),
    ...chains.flatMap(({ rules }) => rules.flatMap(({ body }) => body.flatMap(rangesInExpression))),
  ];
}

function rangesInExpression(expression: Expression): AddressRange[] {
  return expression.kind === "compare" ? ranges([expression.right]) : [];
}

/** Every range of addresses that the model names. */
export function rangesInModel(model: PolicyModel): AddressRange[] {
  const { failsafeInbound, failsafeOutbound } = model.settings;
  return [
    ...model.endpoints.flatMap(({ addresses }) => addresses.map((address) => ({ first: address, last: address }))),
    ...[...model.networkSets, ...(model.nodeSets ?? [])].flatMap(({ networks }) => networks.map(rangeOf)),
    ...model.services.flatMap(({ endpoints }) => endpoints.map(({ address }) => ({ first: address, last: address }))),
    ...[...failsafeInbound, ...failsafeOutbound].flatMap(({ network }) =>
      network === undefined ? [] : [rangeOf(network)],
    ),
    ...[...model.policies, ...model.profiles].flatMap(({ ingress, egress }) =>
      [...ingress, ...egress].flatMap(rangesInRule),
    ),
  ];
}

function rangesInRule({ source, destination }: Rule): AddressRange[] {
  return [source, destination].flatMap(({ networks, notNetworks }) => [...networks, ...notNetworks].map(rangeOf));
}
