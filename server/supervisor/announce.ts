import { relative } from "node:path";

export type Ready = {
  port: number;
  publicUrl?: string;
  dataDir: string;
  /** Where the embedded database's files are, if it is the one in use. */
  embeddedDatabase?: string;
  sandboxKey?: string;
  /** While the hub has no owner. */
  setupToken?: string;
  /** Present where payments are simulated. */
  simulation?: object;
  startedInMs: number;
};

/** What the operator reads once everything runs: one address, a first call that works as it stands, where data lies. */
export function announceReady({
  port,
  publicUrl,
  dataDir,
  embeddedDatabase,
  sandboxKey,
  setupToken,
  simulation,
  startedInMs,
}: Ready): string {
  const here = `http://localhost:${port}`;
  const place = shorten(dataDir);
  const lines = ["", `AIGNE Hub is ready: ${publicUrl ?? here}`, ""];
  if (setupToken)
    lines.push("It has no owner yet. Set it up here, once:", "", `${publicUrl ?? here}/setup?token=${setupToken}`, "");
  if (sandboxKey)
    lines.push("First call (the sandbox answers without any provider):", "", firstCall(here, sandboxKey), "");
  if (!embeddedDatabase) lines.push(`Data: your DATABASE_URL. Files: ${place}.`);
  else if (embeddedDatabase.startsWith(dataDir)) {
    lines.push(`Data, secrets and an embedded PostgreSQL are in ${place}; for production set DATABASE_URL.`);
  } else {
    lines.push(
      `Secrets are in ${place}, an embedded PostgreSQL in ${embeddedDatabase}; for production set DATABASE_URL.`,
    );
  }
  if (simulation) lines.push("Payments are a simulation of Stripe: no money moves. Card 4242 4242 4242 4242 pays.");
  lines.push(`Started in ${(startedInMs / 1000).toFixed(1)} s. Ctrl-C stops it.`);
  return lines.join("\n");
}

/** Relative to the project where it lies inside. */
function shorten(path: string): string {
  const short = relative(process.cwd(), path);
  return short === "" || short.startsWith("..") ? path : short;
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
