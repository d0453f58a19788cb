import net from "node:net";

/** A way to the database that can fall silent: connections stay, and what is sent waits. */
export type Blackhole = {
  port: number;
  /** From now on nothing comes through, in either direction; new connections are taken and hear nothing. */
  swallow(): void;
  /** What has waited arrives, in its order. */
  release(): void;
  stop(): void;
};

export async function startBlackhole(target: { host: string; port: number }): Promise<Blackhole> {
  let waiting: (() => void)[] | null = null;
  const sockets = new Set<net.Socket>();
  const pass = (step: () => void) => (waiting ? void waiting.push(step) : step());
  const join = (from: net.Socket, to: net.Socket) => {
    sockets.add(from);
    from.on("data", (chunk) => pass(() => to.write(chunk)));
    from.on("end", () => pass(() => to.end()));
    // whoever gave up in between is cut off in its turn
    from.on("error", () => pass(() => to.destroy()));
    from.on("close", () => sockets.delete(from));
  };
  const server = net.createServer({ noDelay: true, allowHalfOpen: true }, (near) => {
    const far = net.connect({ ...target, noDelay: true, allowHalfOpen: true });
    join(near, far);
    join(far, near);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as net.AddressInfo).port,
    swallow: () => {
      waiting ??= [];
    },
    release: () => {
      const steps = waiting ?? [];
      waiting = null;
      for (const step of steps) step();
    },
    stop: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
