import { readFileSync } from "node:fs";
import { Agent, request } from "node:https";
import type { PrivateControlPlane } from "@ocicat/lab/kubernetes";

export interface Answer {
  readonly status: number;
  readonly body: unknown;
  readonly text: string;
}

/** Calls to an API server as a test needs them: by path, whatever the answer; as an administrator unless told. */
export class Api implements Disposable {
  readonly #agent: Agent;
  readonly #cluster: PrivateControlPlane;
  readonly #user: string;

  constructor(cluster: PrivateControlPlane, user = "admin") {
    this.#cluster = cluster;
    this.#user = user;
    this.#agent = new Agent({
      keepAlive: true,
      maxSockets: 4,
      ca: readFileSync(cluster.credentials.serverAuthority),
      servername: "kubernetes",
    });
  }

  /** A body that is text is sent as it is. */
  call(method: string, path: string, body?: unknown): Promise<Answer> {
    const text = body === undefined || typeof body === "string" ? body : JSON.stringify(body);
    return new Promise((resolve, reject) => {
      const sent = request(
        `${this.#cluster.plane.server}${path}`,
        {
          method,
          agent: this.#agent,
          headers: {
            authorization: `Bearer ${this.#cluster.credentials.tokenOf(this.#user)}`,
            "content-type": method === "PATCH" ? "application/merge-patch+json" : "application/json",
          },
        },
        (response) => {
          const parts: Buffer[] = [];
          response.on("data", (part: Buffer) => parts.push(part));
          response.on("end", () => {
            const answer = Buffer.concat(parts).toString();
            const parsed: unknown = answer.startsWith("{") ? JSON.parse(answer) : answer;
            resolve({ status: response.statusCode ?? 0, body: parsed, text: answer });
          });
        },
      );
      sent.on("error", reject);
      sent.end(text);
    });
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }
}
