import { randomInt } from "node:crypto";
import { createServer } from "node:net";

// Below what systems hand out for outgoing connections (Linux from 32768, others from 49152): seconds pass until the one
// who asked listens, and a connection that got the number meanwhile would keep it.
const LOWEST = 20_000;
const BEYOND = 32_000;
const TRIES = 100;

/** A port on which nobody listens now. Throws Error when a hundred in turn are taken. */
export async function freePort(host?: string): Promise<number> {
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const port = randomInt(LOWEST, BEYOND);
    if (!(await whyTaken(port, host))) return port;
  }
  throw new Error(`No free port found between ${LOWEST} and ${BEYOND}.`);
}

/** The error code of listening on a port; undefined when it can be had. */
export function whyTaken(port: number, host?: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(undefined)));
  });
}
