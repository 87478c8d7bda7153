/**
 * The finite state machine of RFC 4271 §8.2.2 with §6.8 (collisions), RFC 4724 §5 (a peer that has restarted dials anew) and
 * this project's choices (README.md), written once more from the text: one connection after the other, one `if` after the
 * other, with nothing of the code under test. What a step is seen to do is compared with it.
 */
export type SlotName = "outgoing" | "incoming";

export type Happening =
  | { readonly what: "start" | "stop" | "connected" | "dial failed" | "retry timer" | "idle hold timer" | "offered" }
  | { readonly what: "open" | "bad open" | "keepalive" | "update" | "malformed"; readonly slot: SlotName }
  | { readonly what: "closed" | "hold timer" | "keepalive timer" | "error notification"; readonly slot: SlotName }
  | { readonly what: "collision notification" | "shutdown notification"; readonly slot: SlotName };

interface Connection {
  state: "OpenSent" | "OpenConfirm" | "Established";
}

export interface ReferenceOptions {
  readonly passive: boolean;
  /** Ours is the larger BGP identifier. */
  readonly larger: boolean;
  /** The peer keeps state over a restart. */
  readonly peerRestarts: boolean;
  /** The negotiated hold time is not zero. */
  readonly timed: boolean;
}

export class Reference {
  readonly #options: ReferenceOptions;
  running = false;
  /** In Idle after an error. */
  holding = false;
  /** Connect: a TCP connection is being made. */
  dialling = false;
  /** Active: the connect retry timer runs towards the next attempt. */
  waiting = false;
  listening = false;
  readonly open = new Map<SlotName, Connection>();
  /** Of this step: "OPEN outgoing", "4/0 incoming"; "up", "down", "down restartable". */
  told: string[] = [];

  constructor(options: ReferenceOptions) {
    this.#options = options;
  }

  /** All that can happen now. */
  possible(): Happening[] {
    const list: Happening[] = [{ what: this.running ? "stop" : "start" }, { what: "offered" }];
    if (this.dialling) list.push({ what: "connected" }, { what: "dial failed" });
    if (this.dialling || this.waiting) list.push({ what: "retry timer" });
    if (this.holding) list.push({ what: "idle hold timer" });
    for (const [slot, { state }] of this.open) {
      for (const what of ["open", "bad open", "keepalive", "update", "malformed", "closed"] as const)
        list.push({ what, slot });
      for (const what of ["error", "collision", "shutdown"] as const) list.push({ what: `${what} notification`, slot });
      if (state === "OpenSent" || this.#options.timed) list.push({ what: "hold timer", slot });
      if (state !== "OpenSent" && this.#options.timed) list.push({ what: "keepalive timer", slot });
    }
    return list;
  }

  happens(happening: Happening): void {
    this.told = [];
    const { what } = happening;
    if (what === "start") this.#start();
    else if (what === "stop") this.#stop();
    else if (what === "connected") this.#connected("outgoing");
    else if (what === "dial failed") {
      this.dialling = false;
      this.#again();
    } else if (what === "retry timer") {
      // Event 9: in Connect the attempt is dropped and made anew, in Active it is made.
      this.dialling = true;
      this.waiting = false;
    } else if (what === "idle hold timer") {
      this.holding = false;
      this.#begin();
    } else if (what === "offered") this.#offered();
    else if ("slot" in happening) this.#onConnection(what, happening.slot);
  }

  #start(): void {
    this.running = true;
    this.#begin();
  }

  #begin(): void {
    this.listening = true;
    if (!this.#options.passive) this.dialling = true;
  }

  #stop(): void {
    for (const [slot, { state }] of this.open) {
      if (state === "Established") this.told.push("down");
      this.told.push(`6/2 ${slot}`);
    }
    this.open.clear();
    this.running = false;
    this.holding = false;
    this.dialling = false;
    this.waiting = false;
    this.listening = false;
  }

  /** Events 16 and 17: OPEN is sent, and the hold timer set to a large value. */
  #connected(slot: SlotName): void {
    if (slot === "outgoing") {
      this.dialling = false;
      this.waiting = false;
    }
    this.open.set(slot, { state: "OpenSent" });
    this.told.push(`OPEN ${slot}`);
  }

  #offered(): void {
    if (!this.running || this.holding) {
      this.told.push("refused");
      return;
    }
    const established = this.#established();
    if (established !== undefined) {
      if (!this.#options.peerRestarts) {
        this.told.push("refused 6/7");
        return;
      }
      // RFC 4724 §5: the old connection is as good as closed.
      this.open.delete(established);
      this.told.push("down restartable");
    } else if (this.open.get("incoming")?.state === "OpenConfirm") {
      this.told.push("refused 6/7");
      return;
    }
    this.#connected("incoming");
  }

  #onConnection(what: Happening["what"], slot: SlotName): void {
    const connection = this.open.get(slot);
    if (connection === undefined) return;
    const { state } = connection;
    if (what === "closed") {
      if (state === "Established") this.told.push("down restartable");
      this.open.delete(slot);
      this.#again();
    } else if (what === "malformed") this.#error(slot, "3/1");
    else if (what === "hold timer") this.#error(slot, "4/0");
    else if (what === "keepalive timer") this.told.push(`KEEPALIVE ${slot}`);
    else if (what.endsWith("notification")) this.#notified(slot, what);
    else if (what === "open" || what === "bad open") this.#openCame(slot, connection, what === "open");
    else if (what === "keepalive") this.#keepaliveCame(slot, connection);
    else if (state !== "Established") this.#error(slot, unexpected(state));
  }

  #openCame(slot: SlotName, connection: Connection, good: boolean): void {
    if (connection.state !== "OpenSent") {
      this.#error(slot, unexpected(connection.state));
      return;
    }
    if (!good) {
      this.#error(slot, "2/2");
      return;
    }
    this.told.push(`KEEPALIVE ${slot}`);
    connection.state = "OpenConfirm";
    const other = slot === "outgoing" ? "incoming" : "outgoing";
    const rival = this.open.get(other)?.state;
    if (rival === "Established") this.#quench(slot);
    // §6.8: the connection stays that the speaker with the larger identifier has made.
    else if (rival === "OpenConfirm") this.#quench(this.#options.larger ? "incoming" : "outgoing");
  }

  #keepaliveCame(slot: SlotName, connection: Connection): void {
    if (connection.state === "OpenSent") this.#error(slot, unexpected("OpenSent"));
    if (connection.state !== "OpenConfirm") return;
    const other = slot === "outgoing" ? "incoming" : "outgoing";
    if (this.open.has(other)) this.#quench(other);
    if (other === "outgoing") {
      this.dialling = false;
      this.waiting = false;
    }
    connection.state = "Established";
    this.told.push("up");
  }

  /** One connection of two is given up. */
  #quench(slot: SlotName): void {
    this.told.push(`6/7 ${slot}`);
    this.open.delete(slot);
    this.#again();
  }

  #notified(slot: SlotName, what: string): void {
    if (this.open.get(slot)?.state === "Established") this.told.push("down");
    this.open.delete(slot);
    // "Not now" is no error.
    if (what === "error notification") this.#rest();
    else this.#again();
  }

  #error(slot: SlotName, notification: string): void {
    if (this.open.get(slot)?.state === "Established") this.told.push("down");
    this.told.push(`${notification} ${slot}`);
    this.open.delete(slot);
    this.#rest();
  }

  /** All of the peering is Idle until the idle hold timer has run out (§8.1.1, DampPeerOscillations). */
  #rest(): void {
    for (const slot of this.open.keys()) this.told.push(`closed ${slot}`);
    this.open.clear();
    this.dialling = false;
    this.waiting = false;
    this.listening = false;
    this.holding = true;
  }

  /** With no connection to be had from the peer, this side dials again after a while. */
  #again(): void {
    this.listening = true;
    if (this.#options.passive || this.dialling || this.open.has("outgoing") || this.open.has("incoming")) return;
    this.waiting = true;
  }

  #established(): SlotName | undefined {
    return [...this.open].find(([, { state }]) => state === "Established")?.[0];
  }
}

/** RFC 6608. */
function unexpected(state: Connection["state"]): string {
  return { OpenSent: "5/1", OpenConfirm: "5/2", Established: "5/3" }[state];
}
