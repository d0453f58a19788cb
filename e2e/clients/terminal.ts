import { spawn } from "node:child_process";
import fs from "node:fs";
import http from "node:http";
import type { AddressInfo } from "node:net";
import os from "node:os";
import path from "node:path";

/** A home that nobody has lived in, and a way out that leads nowhere: what a client asks of strangers is noted, and refused. */
export type Cell = {
  /** Where the client works. */
  workdir: string;
  /** Where it keeps its settings. */
  home: string;
  /** `CONNECT host:port` or the address of every foreign request. */
  strangers: readonly string[];
  run(command: readonly string[], env: Record<string, string>): Promise<Ended>;
  leave(): Promise<void>;
};

export type Ended = { code: number | null; stdout: string; stderr: string };

/** The longest that one scripted run may take. */
const LIMIT_MS = 90_000;

export async function openCell(): Promise<Cell> {
  const root = fs.mkdtempSync(path.join(process.env.HUB_TEST_DIR ?? os.tmpdir(), "hub-client-"));
  const [home, workdir] = [path.join(root, "home"), path.join(root, "work")];
  for (const folder of [home, workdir]) fs.mkdirSync(folder);
  const strangers: string[] = [];
  const proxy = http.createServer((request, response) => {
    strangers.push(`${request.method} ${request.url}`);
    response.writeHead(403).end();
  });
  proxy.on("connect", (request, socket) => {
    strangers.push(`CONNECT ${request.url}`);
    socket.end("HTTP/1.1 403 Forbidden\r\n\r\n");
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  const wayOut = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  return {
    workdir,
    home,
    strangers,
    run: ([program = "", ...args], env) =>
      ended(
        spawn(program, args, {
          cwd: workdir,
          // nothing of this machine's own environment but where programs are: it may hold keys
          env: {
            ...{ PATH: process.env.PATH, HOME: home, TMPDIR: root, LANG: "C.UTF-8", CI: "1", NODE_ENV: "production" },
            ...{ HTTP_PROXY: wayOut, HTTPS_PROXY: wayOut, http_proxy: wayOut, https_proxy: wayOut },
            ...{ NO_PROXY: "127.0.0.1,localhost", no_proxy: "127.0.0.1,localhost" },
            ...env,
          },
          stdio: ["ignore", "pipe", "pipe"],
          timeout: LIMIT_MS,
        }),
      ),
    leave: async () => {
      proxy.closeAllConnections();
      await new Promise((resolve) => proxy.close(resolve));
      fs.rmSync(root, { recursive: true, force: true });
    },
  };
}

function ended(child: ReturnType<typeof spawn>): Promise<Ended> {
  const text = { stdout: "", stderr: "" };
  child.stdout?.on("data", (part: Buffer) => {
    text.stdout += part;
  });
  child.stderr?.on("data", (part: Buffer) => {
    text.stderr += part;
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, ...text }));
  });
}
