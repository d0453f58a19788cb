import { effectiveBaseUrl, sealingOrigin } from "@/lib/catalog/provider-kinds";
import { scrub } from "@/lib/scrub";
import { openSecret, SecretError } from "@/lib/secrets";

const PROBE_TIMEOUT_MS = 10_000;
const MAX_BODY_BYTES = 5_000_000;
const MAX_ERROR_CHARACTERS = 300;

type Target = { secret: Record<string, string>; baseUrl: string; region: string | null };
type Get = { url: string; headers: Record<string, string> };
type Failure = { class: string; status: number | null; message: string };
export type Balance = { amount: string; unit: string };
type Spent = { inputTokens: number; outputTokens: number };

/** What a check needs to know of a provider kind; lib/gateway/providers/registry.ts has it. */
export type ProbeProvider = {
  needsCredential: boolean;
  listModels: {
    request(target: Target): Get | Promise<Get>;
    read(body: unknown): { id: string; name?: string }[];
  } | null;
  /** Called instead to test a credential, where the model list is open to everybody. */
  testCredential?(target: Target): Get;
  balance?: { request(target: Target): Get; read(body: unknown): Balance | null };
  classify(failure: { status: number; headers: Record<string, string | undefined>; body: string }): Failure;
};

export type ProbeTools = {
  secretsKey: string;
  findProvider(kind: string): ProbeProvider | null;
  /** One real call of a few tokens; without a failure it was answered. */
  callOnce(
    kind: string,
    settings: Target & { fetch: typeof globalThis.fetch },
    upstreamModel: string,
    signal: AbortSignal,
  ): Promise<{ failure: Failure | null } & Spent>;
  /** What of a refused credential was refused: its key, or an account that nobody paid. */
  refusalOf(failure: Failure): "auth" | "balance";
  /** Made by lib/egress.ts under operator policy. */
  fetch: typeof globalThis.fetch;
};

/** What is checked, as the database has it. */
export type Probed = {
  provider_kind: string;
  base_url: string | null;
  region: string | null;
  credential_id: string | null;
  sealed: string | null;
  /** What the credential was refused for; null where it was not. */
  refusal: string | null;
  /** A chat model of the provider, for a real call, and the offer that it is; null where it serves none. */
  upstream_model: string | null;
  call_offer: string | null;
};

export type Outcome = {
  ok: boolean;
  latencyMs: number;
  /** models: its list · key: what tells about the key alone · balance · call: a few tokens. Null: it came to nothing. */
  method: "models" | "key" | "balance" | "call" | null;
  /** Class of the failure, as the provider file has it; `unverified`: nothing could be asked, so that nothing is known; null
   *  where there is none, or it is our own. */
  failureClass: string | null;
  refusal?: "auth" | "balance";
  /** The provider says that nothing is left of the account. Calls it serves for nothing may work still. */
  isEmpty?: true;
  /** What a call took, by the offer of the row. */
  spent?: Spent;
  error?: string;
  models?: { id: string; name?: string }[];
  balance?: Balance | null;
};

/** Lists the models of a provider. Never rejects. */
export async function listModels(tools: ProbeTools, row: Probed): Promise<Outcome> {
  return within(tools, row, (probe) => probe.ask("models"));
}

/** Finds out whether a credential works. The model list is cheap but tells little: an upstream may have none, a key may be refused
 *  it and still serve calls, and an account without money often lists its models. So a call of a few tokens decides where the
 *  list cannot be had; a credential that was refused for its balance is decided by the balance where the provider tells it,
 *  else by such a call too. Never rejects. */
export async function checkCredential(tools: ProbeTools, row: Probed): Promise<Outcome> {
  return within(tools, row, async (probe) => {
    const asked = await probe.ask("key");
    const tellsNothing =
      asked.failureClass === UNVERIFIED || (asked.failureClass === "auth" && asked.refusal === "auth");
    const first = tellsNothing && row.upstream_model ? await probe.call(row.upstream_model) : asked;
    if (!first.ok) return first;
    const balance = await probe.balance();
    const told = { ...first, balance };
    if (balance && Number(balance.amount) <= 0) {
      const empty = { ...told, ok: false, method: "balance" as const, error: EMPTY };
      // where a call was refused for it, nothing else is believed
      if (row.refusal === "balance") return { ...empty, failureClass: "auth", refusal: "balance" };
      return { ...empty, isEmpty: true };
    }
    if (row.refusal !== "balance" || first.method === "call") return told;
    if (balance) return { ...told, method: "balance" };
    if (!row.upstream_model)
      return { ...told, ok: false, failureClass: "auth", refusal: "balance", error: UNVERIFIABLE };
    return { ...(await probe.call(row.upstream_model)), balance };
  });
}

/** Finds out whether a route works whose breaker is open: first whether the upstream is there at all, then, with a chat model, by
 *  a call of a few tokens. `method` says how far it came. Never rejects. */
export async function checkRoute(tools: ProbeTools, row: Probed): Promise<Outcome> {
  return within(tools, row, async (probe) => {
    const first = await probe.ask("models");
    if (!first.ok && first.failureClass !== "auth" && first.failureClass !== UNVERIFIED) return first;
    return row.upstream_model ? probe.call(row.upstream_model) : first;
  });
}

const UNVERIFIED = "unverified";
/** What an upstream answers that has no list of models: not found, method not allowed, not implemented. */
const LISTLESS: readonly number[] = [404, 405, 501];
const NO_LIST =
  "The provider has no list of models. A credential is verified by a call then, which needs a chat model of the provider to be offered here.";
const EMPTY = "The account has no credit left.";
const UNVERIFIABLE =
  "It was refused for its balance, which only a call can verify, and the provider serves no chat model here. Replace the secret, or enable it by hand.";

type Probe = {
  ask(what: "models" | "key"): Promise<Outcome>;
  call(upstreamModel: string): Promise<Outcome>;
  balance(): Promise<Balance | null>;
};

async function within(tools: ProbeTools, row: Probed, run: (probe: Probe) => Promise<Outcome>): Promise<Outcome> {
  try {
    const provider = tools.findProvider(row.provider_kind);
    if (!provider) return ownFailure(`Providers of kind "${row.provider_kind}" are not served yet.`);
    const address = { kind: row.provider_kind, baseUrl: row.base_url, region: row.region };
    const baseUrl = effectiveBaseUrl(address);
    if (!baseUrl) return { ok: true, latencyMs: 0, method: null, failureClass: null, models: [] };
    if (provider.needsCredential && !row.sealed) return ownFailure("The provider has no active credential.");
    const secret = row.sealed
      ? await open(tools.secretsKey, row.credential_id as string, row.sealed, sealingOrigin(address))
      : {};
    return await run(createProbe(tools, provider, row.provider_kind, { secret, baseUrl, region: row.region }));
  } catch (error) {
    return { ...ownFailure(describe(error)), failureClass: transportClass(error) };
  }
}

function createProbe(tools: ProbeTools, provider: ProbeProvider, kind: string, target: Target): Probe {
  const failed = (failure: Failure, method: Outcome["method"], latencyMs: number): Outcome => {
    const status = failure.status === null ? "" : `HTTP ${failure.status}: `;
    return {
      ...{ ok: false, latencyMs, method, failureClass: failure.class },
      ...(failure.class === "auth" && { refusal: tools.refusalOf(failure) }),
      error: `${status}${scrub(failure.message, target.secret).slice(0, MAX_ERROR_CHARACTERS)}`,
    };
  };
  const get = async ({ url, headers }: Get) => {
    const response = await tools.fetch(url, {
      headers: { accept: "application/json", ...headers },
      signal: AbortSignal.timeout(PROBE_TIMEOUT_MS),
    });
    return { response, body: await readLimited(response) };
  };
  return {
    async ask(what) {
      const test = what === "key" ? provider.testCredential?.(target) : undefined;
      const method = test ? "key" : "models";
      if (!test && !provider.listModels)
        return { ok: true, latencyMs: 0, method: null, failureClass: null, models: [] };
      const started = performance.now();
      // safe because there is a list where there is no test
      const { response, body } = await get(test ?? (await (provider.listModels as ModelList).request(target)));
      const latencyMs = Math.round(performance.now() - started);
      if (!test && LISTLESS.includes(response.status))
        return { ok: false, latencyMs, method, failureClass: UNVERIFIED, error: NO_LIST };
      if (!response.ok) {
        const { status, headers } = response;
        return failed(provider.classify({ status, headers: Object.fromEntries(headers), body }), method, latencyMs);
      }
      const models = test ? [] : (provider.listModels as ModelList).read(JSON.parse(body));
      return { ok: true, latencyMs, method, failureClass: null, models };
    },
    async call(upstreamModel) {
      const started = performance.now();
      const settings = { ...target, fetch: tools.fetch };
      const { failure, ...spent } = await tools.callOnce(
        kind,
        settings,
        upstreamModel,
        AbortSignal.timeout(PROBE_TIMEOUT_MS),
      );
      const latencyMs = Math.round(performance.now() - started);
      return failure
        ? { ...failed(failure, "call", latencyMs), spent }
        : { ok: true, latencyMs, method: "call", failureClass: null, models: [], spent };
    },
    async balance() {
      if (!provider.balance) return null;
      try {
        const { response, body } = await get(provider.balance.request(target));
        return response.ok ? provider.balance.read(JSON.parse(body)) : null;
      } catch {
        // it is an extra: a provider that does not tell is asked by a call where it matters
        return null;
      }
    },
  };
}

type ModelList = NonNullable<ProbeProvider["listModels"]>;

function ownFailure(error: string): Outcome {
  return { ok: false, latencyMs: 0, method: null, failureClass: null, error };
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

/** Null for what is no fault of the upstream's. */
function transportClass(error: unknown): string | null {
  if (error instanceof SecretError || (error as Error).name === "EgressError") return null;
  if (((error as Error).cause as Error | undefined)?.name === "EgressError") return null;
  const { name } = error as Error;
  return name === "TimeoutError" || name === "AbortError" ? "timeout" : name === "SyntaxError" ? "server" : "network";
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
