import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** What an agent answers to a path with its query: a status and a body. */
export type Answers = (path: string, query: URLSearchParams) => { readonly status?: number; readonly body: string };

export interface TestAgent {
  readonly socket: string;
  stop(): Promise<void>;
}

/** Something that answers on a Unix socket as an agent does. */
export async function startAgent(answers: Answers): Promise<TestAgent> {
  const directory = await mkdtemp(join(tmpdir(), "oct-agent-"));
  const socket = join(directory, "agent.sock");
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? "/", "http://localhost");
    const { status = 200, body } = answers(url.pathname, url.searchParams);
    response.writeHead(status).end(body);
  });
  await new Promise<void>((resolve) => {
    server.listen(socket, resolve);
  });
  return {
    socket,
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => {
        server.close(resolve);
      });
      await rm(directory, { recursive: true });
    },
  };
}

/** The same body for everybody. */
export function always(value: unknown): Answers {
  return () => ({ body: JSON.stringify(value) });
}
