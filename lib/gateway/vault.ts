import type { Clock } from "@/lib/clock";
import { AppError } from "@/lib/errors";
import type { Secret } from "@/lib/gateway/providers/define";
import type { Candidate } from "@/lib/gateway/routing/candidates";
import { openSecret } from "@/lib/secrets";

/** Provider secrets in plain text: opened on first use, dropped 60 s after the last. */
export type Vault = {
  /** Null where the record does not open with our key. Throws unavailable where this process has no key at all. */
  secretFor(candidate: Candidate): Promise<Secret | null>;
  stop(): void;
};

const IDLE_MS = 60_000;
const NONE: Secret = {};

export function createVault(deps: {
  secretsKey: string | undefined;
  clock: Clock;
  onError: (error: unknown) => void;
}): Vault {
  const open = new Map<string, { secret: Promise<Secret | null>; usedAt: number }>();
  const sweep = setInterval(() => {
    const before = deps.clock.monotonic() - IDLE_MS;
    for (const [sealed, entry] of open) if (entry.usedAt < before) open.delete(sealed);
  }, IDLE_MS / 4);
  sweep.unref();

  return {
    async secretFor({ credential, offer }) {
      if (!credential) return NONE;
      const usedAt = deps.clock.monotonic();
      const cached = open.get(credential.sealed);
      if (cached) {
        cached.usedAt = usedAt;
        return cached.secret;
      }
      if (!deps.secretsKey) {
        throw new AppError(
          "unavailable",
          "This process has no key for provider credentials (HUB_SECRETS_KEY), so it cannot call providers. Call the gateway instead.",
          { retry: false },
        );
      }
      const binding = {
        table: "credential",
        row: credential.id,
        org: "platform",
        column: "sealed",
        origin: offer.provider.sealingOrigin,
      };
      const secret = openSecret(deps.secretsKey, credential.sealed, binding).then(
        (text) => JSON.parse(text) as Secret,
        (error) => {
          open.delete(credential.sealed);
          deps.onError(error);
          return null;
        },
      );
      open.set(credential.sealed, { secret, usedAt });
      return secret;
    },
    stop() {
      clearInterval(sweep);
      open.clear();
    },
  };
}
