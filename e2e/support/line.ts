import net, { type AddressInfo } from "node:net";

/** `open` passes bytes on; `silent` keeps every connection and passes nothing on; `down` cuts and refuses them. */
export type LineState = "open" | "silent" | "down";

/** A way to a database that a test can break as networks do. */
export type Line = { url: string; set(state: LineState): void; close(): void };

export async function openLine(databaseUrl: string): Promise<Line> {
  const target = new URL(databaseUrl);
  const sockets = new Set<net.Socket>();
  let state: LineState = "open";
  const server = net.createServer((near) => {
    if (state === "down") return void near.destroy();
    const far = net.connect(Number(target.port), target.hostname);
    for (const [from, into] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      from.on("error", () => {});
      from.on("data", (bytes) => state === "silent" || into.write(bytes));
      from.on("close", () => {
        sockets.delete(from);
        into.destroy();
      });
    }
  });
  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = new URL(databaseUrl);
  url.host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url: url.href,
    set(next) {
      state = next;
      if (state === "down") cut();
    },
    close() {
      cut();
      server.close();
    },
  };
}
