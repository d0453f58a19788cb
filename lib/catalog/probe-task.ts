import { effectiveBaseUrl, PROVIDER_KINDS, sealingOrigin } from "@/lib/catalog/provider-kinds";
import type { Sql } from "@/lib/pg";
import { scrub } from "@/lib/scrub";
import { openSecret, SecretError } from "@/lib/secrets";

export const PROBE_TASK = "provider_probe";
const PROBE_TIMEOUT_MS = 10_000;
const MAX_BODY_BYTES = 5_000_000;
const MAX_ERROR_CHARACTERS = 300;

type Target = { secret: Record<string, string>; baseUrl: string; region: string | null };
type Get = { url: string; headers: Record<string, string> };

/** What this task needs to know of a provider kind; lib/gateway/providers/registry.ts has it. */
export type ProbeProvider = {
  needsCredential: boolean;
  listModels: {
    request(target: Target): Get | Promise<Get>;
    read(body: unknown): { id: string; name?: string }[];
  } | null;
  /** Called instead to test a credential, where the model list is open to everybody. */
  testCredential?(target: Target): Get;
  classify(failure: { status: number; headers: Record<string, string | undefined>; body: string }): {
    class: string;
    message: string;
  };
};

export type ProbeDependencies = {
  sql: Sql;
  secretsKey: string;
  findProvider(kind: string): ProbeProvider | null;
  /** Made by lib/egress.ts under operator policy. */
  fetch: typeof globalThis.fetch;
};

type Row = {
  kind: string;
  provider_kind: string;
  base_url: string | null;
  region: string | null;
  credential_id: string | null;
  sealed: string | null;
};
type Outcome = { ok: boolean; latencyMs: number; error?: string; models?: { id: string; name?: string }[] };

/** Runs in the worker: opens the secret, asks the provider for its models and writes the answer into the probe row, where
 *  web waits for it. A credential that works again becomes active. Idempotent: a finished probe stays as it is. */
export async function runProbe(dependencies: ProbeDependencies, payload: unknown): Promise<void> {
  const { probeId } = payload as { probeId: string };
  const { rows } = await dependencies.sql.query<Row>(FIND, [probeId]);
  const [row] = rows;
  if (!row) return;
  const outcome = await probe(dependencies, row).catch(
    (error: unknown): Outcome => ({ ok: false, latencyMs: 0, error: describe(error) }),
  );
  await dependencies.sql.query(FINISH, [
    probeId,
    outcome.ok,
    outcome.latencyMs,
    outcome.error ?? null,
    outcome.models ? JSON.stringify({ models: outcome.models }) : null,
  ]);
  if (row.kind === "test_credential") {
    await dependencies.sql.query(STAMP, [row.credential_id, outcome.ok, outcome.error ?? null]);
  }
}

/** Tests the credentials that a gateway found refused, so that one that works again comes back without traffic and without a
 *  person; until then no call uses it. The first look is 30 s after the refusal; each pause is as long as all before it, an hour
 *  at most. Any number of workers may do it at once. Resolves to how many came back. */
export async function recheckCredentials(dependencies: ProbeDependencies): Promise<number> {
  const kinds = PROVIDER_KINDS.map(({ id }) => id).filter((kind) => dependencies.findProvider(kind)?.listModels);
  const { rows } = await dependencies.sql.query<Row>(CLAIM, [kinds]);
  const found = await Promise.all(
    rows.map(async (row) => {
      const outcome = await probe(dependencies, row).catch(
        (error: unknown): Outcome => ({ ok: false, latencyMs: 0, error: describe(error) }),
      );
      await dependencies.sql.query(CONCLUDE, [row.credential_id, outcome.ok, outcome.error ?? null]);
      return outcome.ok;
    }),
  );
  return found.filter(Boolean).length;
}

/** `updated_at` is when it was refused. One whose worker ended while it was looking is looked at again. */
const CLAIM = `
  WITH due AS (
    SELECT credential.id FROM credential JOIN provider ON provider.id = credential.provider_id
    WHERE credential.enabled AND provider.enabled AND provider.kind = ANY ($1)
      AND (credential.status = 'verifying' AND credential.last_tested_at < clock_timestamp() - interval '1 minute'
        OR credential.status = 'disabled' AND greatest(credential.last_tested_at, credential.updated_at)
          + least(greatest(credential.last_tested_at - credential.updated_at, interval '30 seconds'), interval '1 hour')
          <= clock_timestamp())
    ORDER BY credential.last_tested_at NULLS FIRST LIMIT 10
    FOR UPDATE OF credential SKIP LOCKED
  )
  UPDATE credential SET status = 'verifying', last_tested_at = clock_timestamp()
  FROM due, provider WHERE credential.id = due.id AND provider.id = credential.provider_id
  RETURNING 'test_credential' AS kind, provider.kind AS provider_kind, provider.base_url, provider.region,
    credential.id AS credential_id, credential.sealed`;

/** Unless a person changed it meanwhile. */
const CONCLUDE = `
  UPDATE credential
  SET last_tested_at = clock_timestamp(), status = CASE WHEN $2 THEN 'active' ELSE 'disabled' END,
    status_reason = CASE WHEN $2 THEN NULL ELSE $3 END
  WHERE id = $1 AND status = 'verifying'`;

const FIND = `
  SELECT probe.kind, provider.kind AS provider_kind, provider.base_url, provider.region,
    credential.id AS credential_id, credential.sealed
  FROM provider_probe probe
  JOIN provider ON provider.id = probe.provider_id
  LEFT JOIN LATERAL (
    SELECT id, sealed FROM credential
    WHERE credential.provider_id = provider.id
      AND (id = probe.credential_id OR probe.credential_id IS NULL AND enabled AND status = 'active')
    ORDER BY weight DESC, id LIMIT 1
  ) credential ON true
  WHERE probe.id = $1 AND probe.state = 'pending'`;

const FINISH = `
  UPDATE provider_probe
  SET state = 'done', ok = $2, latency_ms = $3, error = $4, result = $5::jsonb, finished_at = clock_timestamp()
  WHERE id = $1 AND state = 'pending'`;

const STAMP = `
  UPDATE credential
  SET last_tested_at = clock_timestamp(),
    status = CASE WHEN $2 AND status IN ('disabled', 'verifying') THEN 'active' ELSE status END,
    status_reason = CASE WHEN $2 THEN NULL WHEN status = 'needs_secret' THEN status_reason ELSE $3 END
  WHERE id = $1`;

async function probe({ secretsKey, findProvider, fetch }: ProbeDependencies, row: Row): Promise<Outcome> {
  const provider = findProvider(row.provider_kind);
  if (!provider)
    return { ok: false, latencyMs: 0, error: `Providers of kind "${row.provider_kind}" are not served yet.` };
  const address = { kind: row.provider_kind, baseUrl: row.base_url, region: row.region };
  const baseUrl = effectiveBaseUrl(address);
  if (!provider.listModels || !baseUrl) return { ok: true, latencyMs: 0, models: [] };
  if (provider.needsCredential && !row.sealed)
    return { ok: false, latencyMs: 0, error: "The provider has no active credential." };
  const secret = row.sealed
    ? await open(secretsKey, row.credential_id as string, row.sealed, sealingOrigin(address))
    : {};

  const target = { secret, baseUrl, region: row.region };
  const { testCredential, listModels } = provider;
  const test = row.kind === "test_credential" ? testCredential?.(target) : undefined;
  const { url, headers } = test ?? (await listModels.request(target));

  const started = performance.now();
  const response = await fetch(url, {
    headers: { accept: "application/json", ...headers },
    signal: AbortSignal.timeout(PROBE_TIMEOUT_MS),
  });
  const body = await readLimited(response);
  const latencyMs = Math.round(performance.now() - started);
  if (!response.ok) {
    const failure = provider.classify({ status: response.status, headers: Object.fromEntries(response.headers), body });
    return {
      ok: false,
      latencyMs,
      error: `HTTP ${response.status}: ${scrub(failure.message, secret).slice(0, MAX_ERROR_CHARACTERS)}`,
    };
  }
  return { ok: true, latencyMs, models: test ? [] : listModels.read(JSON.parse(body)) };
}

async function open(secretsKey: string, row: string, sealed: string, origin: string): Promise<Record<string, string>> {
  const binding = { table: "credential", row, org: "platform", column: "sealed", origin };
  return JSON.parse(await openSecret(secretsKey, sealed, binding));
}

async function readLimited(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > MAX_BODY_BYTES) throw new Error("The provider's answer is too large.");
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

/** Sentences of our own and network codes only: other messages could hold an address or a header. */
function describe(error: unknown): string {
  if (error instanceof SecretError) return "The stored secret cannot be opened. Enter it again.";
  if (error instanceof SyntaxError) return "The provider's answer is not JSON.";
  const { name, code, cause } = error as Error & { code?: string };
  if (name === "TimeoutError" || name === "AbortError") return "The provider did not answer within 10 seconds.";
  const inner = cause as (Error & { code?: string }) | undefined;
  const reason = code ?? inner?.code;
  if (inner?.name === "EgressError") return inner.message;
  return reason ? `The provider cannot be reached (${reason}).` : "The provider cannot be reached.";
}
