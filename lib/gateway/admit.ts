import type { HoldRequest, IdempotencyClaim, KeyRates, RefusalRule } from "@/lib/billing/wallet";
import { crashPoint } from "@/lib/crash-points";
import { AppError } from "@/lib/errors";
import type { GatewayRequest, Reply } from "@/lib/gateway/exchange";
import type { GatewayDependencies } from "@/lib/gateway/gateway";
import type { HoldSize, Price } from "@/lib/gateway/hold-size";
import type { StoredAnswer } from "@/lib/gateway/idempotency";
import { CallMeter } from "@/lib/gateway/meter/call-meter";
import { rateHeaders } from "@/lib/gateway/rate-headers";
import { refusalToError } from "@/lib/gateway/refusal";
import type { RoutePlan } from "@/lib/gateway/routing/candidates";
import { priceFor, type SnapshotModel } from "@/lib/gateway/snapshot";
import { takesStarterCredit } from "@/lib/gateway/starter-models";
import type { Caller } from "@/lib/keys/authenticate";
import type { Nano } from "@/lib/money";
import type { RouteRow } from "@/lib/usage/route-record";

export type Admitted = {
  meter: CallMeter;
  /** The token limit to send upstream; null for none. */
  maxOutputTokens: number | null;
  inputTokens: () => number;
  rates: KeyRates | null;
};

/** Thrown instead of admitting a call whose Idempotency-Key has an answer already: it costs nothing. */
export class Replay extends Error {
  override name = "Replay";
  constructor(readonly answer: StoredAnswer) {
    super("this call has run already");
  }
}

/** A hold that waits longer than this fails closed: nothing goes upstream without one. */
const HOLD_TIMEOUT_MS = 2_000;
/** Credit tied up in open holds alone may come free: the hold is tried again for this long. */
const REQUEUE_MS = 5_000;
const FIRST_REQUEUE_MS = 25;
const LAST_REQUEUE_MS = 400;
/** When caps of credentials are worth another try: they are counted over a minute. */
const CAP_RETRY_MS = 5_000;
/** Enterprise mode: a model without a price is recorded, not charged. */
export const FREE = { rates: {}, factorBp: 10_000 };

export type Entrant = {
  request: GatewayRequest;
  caller: Caller;
  model: SnapshotModel;
  plan: RoutePlan;
  reply: Reply;
  /** The client's Idempotency-Key, where it sent one. */
  idempotency?: IdempotencyClaim | null;
  /** What was considered for it, for the receipt. */
  routing?: () => readonly RouteRow[] | null;
};

/** What is asked of the wallet for one call. */
export type Wanted = {
  endpoint: string;
  dialect: string;
  stream: boolean;
  /** Tools that the provider may run for it, as prices name them. */
  hostedTools?: readonly string[];
  /** `exact`: with the input counted instead of bounded by its bytes. */
  size(price: Price, exact: boolean): HoldSize;
  /** Our estimate of the input, used where nobody reports usage. */
  estimateInput(): number;
};

/** Holds the worst case of a call before anything goes upstream. Throws model_not_priced, the refusing limit's error, and
 *  unavailable where the database does not answer in 2 s. */
export async function admit(deps: GatewayDependencies, call: Entrant, wanted: Wanted): Promise<Admitted> {
  const { request, caller, model } = call;
  if (call.plan.length === 0) throw nothingToCall(deps, model);
  const price = priceFor(model, caller.scope.orgId);
  if (!price && deps.snapshots.current().mode === "service") {
    throw new AppError(
      "model_not_priced",
      `The model "${model.id}" has no price, so it cannot be called. Ask the operator to set one.`,
      { param: "model" },
    );
  }
  const size = (exact: boolean) => wanted.size(price ?? FREE, exact);
  const clientRetry = retryCount(request);
  const { granted, available, rates, held } = await hold(deps, { reply: call.reply, ...wanted }, size, {
    orgId: caller.scope.orgId,
    requestId: request.id,
    keyId: caller.keyId,
    appId: caller.appId,
    memberId: caller.memberId,
    modelId: model.id,
    context: {
      endpoint: wanted.endpoint,
      dialect: wanted.dialect,
      stream: wanted.stream,
      client_retry: clientRetry,
      ...clientName(request),
    },
    // request ids are made here and never reused, so the id alone tells two bodies apart
    inputHash: request.id,
    priceVersionId: price?.versionId ?? null,
    restrictedOk: takesStarterCredit(model, price, deps.snapshots.current().starterBound, wanted.hostedTools),
    idempotency: call.idempotency ?? null,
  });
  crashPoint("call.admitted");
  const inputTokens = once(() => wanted.estimateInput());
  const meter = new CallMeter(
    {
      requestId: request.id,
      orgId: caller.scope.orgId,
      price,
      inputTokens,
      clientRetry,
      idempotency: call.idempotency ?? null,
      ...(call.routing && { routing: call.routing }),
      slicing: held.slice === null ? null : { granted, slice: held.slice, affords: held.affords },
    },
    { clock: deps.clock, settle: (settlement) => deps.recorder.settle(settlement) },
  );
  return {
    meter,
    maxOutputTokens: held.limitToSend(granted, available),
    inputTokens,
    rates,
  };
}

type Sizeless = Omit<HoldRequest, "amount" | "minAmount" | "unitRate" | "tokensEstimate">;

/** Where the bound by bytes does not fit, the input is counted before the call is refused. */
async function hold(
  deps: GatewayDependencies,
  { reply, dialect, stream }: { reply: Reply; dialect: string; stream: boolean },
  size: (exact: boolean) => HoldSize,
  call: Sizeless,
): Promise<{ granted: Nano; available: Nano | null; rates: KeyRates | null; held: HoldSize }> {
  const giveUpAt = deps.clock.monotonic() + REQUEUE_MS;
  let held = size(false);
  let exact = false;
  for (let pauseMs = FIRST_REQUEUE_MS; ; pauseMs = Math.min(LAST_REQUEUE_MS, pauseMs * 2)) {
    const { amount, minAmount, unitRate, tokensEstimate } = held;
    const answer = await withTimeout(deps, { ...call, amount, minAmount, unitRate, tokensEstimate });
    const { available, rates } = answer;
    if (answer.granted) return { granted: answer.amount, available, rates, held };
    if (answer.rule === "idempotency_replay" && !stream) await replay(deps, call);
    if (!exact && isAboutMoney(answer.rule)) {
      exact = true;
      held = size(true);
      if (held.minAmount < minAmount) continue;
    }
    const mayComeFree = answer.rule === "holds_only" && deps.clock.monotonic() < giveUpAt && !reply.gone;
    if (!mayComeFree) throw refusalToError(answer, held.minAmount, rateHeaders(rates, anthropicOf(deps, dialect)));
    await new Promise((resume) => setTimeout(resume, pauseMs));
  }
}

/** Throws the answer; returns where it is gone by now, and the refusal stands. */
async function replay(deps: GatewayDependencies, { orgId, keyId, idempotency }: Sizeless): Promise<void> {
  if (!idempotency) return;
  const answer = await deps.storedAnswer({ orgId, keyId, path: idempotency.path, key: idempotency.key });
  if (answer) throw new Replay(answer);
}

/** Anthropic's clients read rate limits in their own words. */
export function anthropicOf({ clock }: GatewayDependencies, dialect: string): { now: number } | null {
  return dialect === "anthropic-messages" ? { now: clock.now() } : null;
}

function isAboutMoney(rule: RefusalRule): boolean {
  return rule === "insufficient_credits" || rule === "restricted_credits" || rule === "holds_only" || rule === "budget";
}

/** A late grant that nobody waits for any more is given back. */
async function withTimeout({ wallet }: GatewayDependencies, wanted: HoldRequest) {
  let timer: NodeJS.Timeout | undefined;
  let abandoned = false;
  const isAbandoned = () => abandoned;
  const answer = wallet.authorize(wanted, isAbandoned).then((result) => {
    if (abandoned && result.granted) void wallet.voidHold(wanted.requestId, wanted.orgId);
    return result;
  });
  const timeout = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      abandoned = true;
      reject(
        new AppError("unavailable", "The hub cannot reach its database. You were not charged. Try again in a moment.", {
          retryAfterMs: 2_000,
        }),
      );
    }, HOLD_TIMEOUT_MS);
  });
  // if the timeout wins, a later failure of the hold has no listener left
  answer.catch(() => {});
  return Promise.race([answer, timeout]).finally(() => clearTimeout(timer));
}

function retryCount({ headers }: GatewayRequest): number | null {
  const value = Number(headers["x-stainless-retry-count"]);
  return headers["x-stainless-retry-count"] && Number.isInteger(value) && value >= 0 ? Math.min(value, 1000) : null;
}

/** What the AIGNE client calls its program: attribution, which nothing is decided by. Other characters than those of ids, hosts and
 *  package names are not kept, nor is what is longer than a name. */
function clientName({ headers }: GatewayRequest): { client?: string } {
  const name = headers["x-aigne-hub-client-did"];
  return name !== undefined && /^[\w@:./+-]{1,200}$/.test(name) ? { client: name } : {};
}

function once<Value>(compute: () => Value): () => Value {
  let value: Value | undefined;
  return () => (value ??= compute());
}

/** A credential whose cap is reached may be called again within a minute; anything else waits for the operator. */
function nothingToCall({ health }: GatewayDependencies, model: SnapshotModel): AppError {
  const credentials = model.offers.flatMap(({ provider }) => provider.credentials ?? []);
  if (credentials.some((credential) => health.caps.isSpent(credential)))
    return new AppError("overloaded", "All providers of this model are busy. You were not charged. Try again.", {
      retryAfterMs: CAP_RETRY_MS,
    });
  return new AppError(
    "provider_unavailable",
    `No provider serves the model "${model.id}" at the moment. You were not charged.`,
  );
}
