import { relative } from "node:path";

export type Ready = {
  port: number;
  publicUrl?: string;
  dataDir: string;
  embeddedDatabase: boolean;
  sandboxKey?: string;
  startedInMs: number;
};

/** What the operator reads once everything runs: one address, a first call that works as it stands, where data lies. */
export function announceReady({ port, publicUrl, dataDir, embeddedDatabase, sandboxKey, startedInMs }: Ready): string {
  const here = `http://localhost:${port}`;
  const place = relative(process.cwd(), dataDir) || dataDir;
  const lines = ["", `AIGNE Hub is ready: ${publicUrl ?? here}`, ""];
  if (sandboxKey)
    lines.push("First call (the sandbox answers without any provider):", "", firstCall(here, sandboxKey), "");
  lines.push(
    embeddedDatabase
      ? `Data, secrets and an embedded PostgreSQL are in ${place}; for production set DATABASE_URL.`
      : `Data: your DATABASE_URL. Files: ${place}.`,
  );
  lines.push(`Started in ${(startedInMs / 1000).toFixed(1)} s. Ctrl-C stops it.`);
  return lines.join("\n");
}

function firstCall(base: string, key: string): string {
  const body = JSON.stringify({ model: "sandbox/chat", messages: [{ role: "user", content: "Hello" }] });
  return [
    `curl ${base}/api/v1/chat/completions \\`,
    `  -H "Authorization: Bearer ${key}" \\`,
    '  -H "Content-Type: application/json" \\',
    `  -d '${body}'`,
  ].join("\n");
}
