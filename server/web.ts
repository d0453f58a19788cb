import { existsSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { EnvError, env, environment, setNextEnvironment } from "@/lib/env";
import { root } from "@/server/root";

// The control plane: Next's standalone server on loopback, behind the gateway.

try {
  const { webPort } = env();
  assertCannotOpenSecrets();
  const server = join(root, ".next/standalone/server.js");
  if (!existsSync(server)) throw new EnvError("The web application is not built: run `npm run build` first.");
  setNextEnvironment(webPort);
  await import(pathToFileURL(server).href);
} catch (error) {
  if (!(error instanceof EnvError)) throw error;
  console.error(error.message);
  process.exit(1);
}

/** A hole in the web framework must not open a single provider secret, so this process may not even see the key. */
function assertCannotOpenSecrets(): void {
  const { HUB_SECRETS_KEY, HUB_SECRETS_KEY_FILE } = environment();
  if (!HUB_SECRETS_KEY && !HUB_SECRETS_KEY_FILE) return;
  throw new EnvError(
    "HUB_SECRETS_KEY is visible to web, which must never hold it: unset it here and give HUB_SECRETS_PUBLIC_KEY instead.",
  );
}
