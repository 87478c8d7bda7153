import { join } from "node:path";
import { type EtcdDatastore, openEtcd } from "@ocicat/datastore/etcd";
import { Scope } from "@ocicat/kit";
import { afterEach, beforeEach, expect, it } from "vitest";
import { startServerProcess, temporaryDirectory } from "./support/processes.ts";

const CLIENTS = 40;
const WATCHES = 10;
const WRITES = 200;
/** Of the clients, those whose machine goes while it watches. */
const LOST = 5;

let scope: Scope;
beforeEach(() => {
  scope = new Scope("many watchers");
});
afterEach(() => scope.close());

it("four hundred watchers of forty clients each are told everything once and in order, whoever of them goes", async () => {
  const directory = temporaryDirectory(scope);
  const socket = join(directory, "socket");
  await startServerProcess(scope, join(directory, "data"), socket);
  const open = (): EtcdDatastore => {
    const store = openEtcd({ endpoints: [`unix://${socket}`] });
    scope.add("client", () => store.close());
    return store;
  };
  const writer = open();
  const from = (await writer.list("/", { limit: 1 })).revision + 1n;

  /** Even watches see all of it, odd ones a tenth. */
  const follow = async (store: EtcdDatastore, index: number): Promise<readonly string[]> => {
    const prefix = index % 2 === 0 ? "/all/" : `/all/${index}/`;
    const told: string[] = [];
    for await (const { events } of store.watch(prefix, { from })) {
      for (const event of events) if (event.type === "put") told.push(`${event.item.key}=${event.item.value}`);
      if (told.at(-1)?.startsWith(`/all/${index}/`) === true && told.at(-1)?.endsWith("=last") === true) break;
    }
    return told;
  };
  const clients = Array.from({ length: CLIENTS }, open);
  const stories = clients.map((store) => Array.from({ length: WATCHES }, (_, index) => follow(store, index)));

  const written: string[] = [];
  const write = async (index: number, value: string) => {
    await writer.put(`/all/${index % WATCHES}/key`, value);
    written.push(`/all/${index % WATCHES}/key=${value}`);
  };
  for (let index = 0; index < WRITES; index++) {
    await write(index, `${index}`);
    if (index === WRITES / 2) for (const lost of clients.slice(0, LOST)) await lost.close();
  }
  for (let index = 0; index < WATCHES; index++) await write(index, "last");

  for (const [number, watches] of stories.entries()) {
    const told = await Promise.all(watches);
    if (number < LOST) continue;
    for (const [index, lines] of told.entries()) {
      const expected = written.filter((line) => index % 2 === 0 || line.startsWith(`/all/${index}/`));
      const end = expected.indexOf(`/all/${index}/key=last`) + 1;
      // It may have been told more in the same breath.
      expect(lines.slice(0, end)).toEqual(expected.slice(0, end));
      expect(lines).toEqual(expected.slice(0, lines.length));
    }
  }
});
