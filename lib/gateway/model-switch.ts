import type { ProgressAnswer } from "@/lib/billing/wallet";
import type { Admitted } from "@/lib/gateway/admit";
import { FREE } from "@/lib/gateway/admit";
import type { GatewayDependencies } from "@/lib/gateway/gateway";
import type { HoldSize, Price } from "@/lib/gateway/hold-size";
import type { RoutePlan } from "@/lib/gateway/routing/candidates";
import { type Chain, callable, type Link } from "@/lib/gateway/routing/chain";
import { choiceRows } from "@/lib/gateway/routing/route-rows";
import { type PricedRates, priceFor, type SnapshotModel } from "@/lib/gateway/snapshot";
import { takesStarterCredit } from "@/lib/gateway/starter-models";
import type { Caller } from "@/lib/keys/authenticate";
import type { Nano } from "@/lib/money";
import type { RouteRow } from "@/lib/usage/route-record";

/** Waiting longer would be waiting for the database: the call then ends with the failure it has. */
const REPIN_TIMEOUT_MS = 2_000;

type Call = {
  requestId: string;
  caller: Caller;
  /** The model or alias as the client wrote it. */
  name: string;
  /** Tools that the provider may run for it, as prices name them. */
  hostedTools?: readonly string[];
  /** What a call that this model answers must hold; `exact`: with its input counted. */
  sizeOf(link: Pick<Link, "model" | "plan">): SizeOf;
};
type SizeOf = (price: Price, exact: boolean) => HoldSize;

/** Which of the models that may answer is having its turn. Going to the next one checks wallet and limits again, for its
 *  price, and pins the hold to that; a model that cannot be paid for is passed over. */
export class ModelSwitch {
  /** Those that can be called. */
  private readonly links: readonly Link[];
  private at = 0;
  private isOver = false;
  private readonly passedOver = new Map<string, string>();

  /** Throws where no model can be called because of what was asked. */
  constructor(
    private readonly deps: GatewayDependencies,
    private readonly call: Call,
    private readonly chain: Chain,
  ) {
    this.links = callable(chain);
  }

  get model(): SnapshotModel {
    return this.link.model;
  }

  get plan(): RoutePlan {
    return this.link.plan;
  }

  /** Models that have not had their turn. */
  get remaining(): number {
    return this.isOver ? 0 : Math.max(0, this.links.length - 1 - this.at);
  }

  /** What an answer calls its model: as the client did, until another one has its turn. */
  get name(): string {
    return this.link === this.chain.links[0] ? this.call.name : this.model.id;
  }

  /** What the model at turn must hold. */
  get size(): SizeOf {
    return this.call.sizeOf(this.link);
  }

  /** For the receipt; null where there was no choice. */
  rows(): RouteRow[] | null {
    return choiceRows(this.chain, this.passedOver);
  }

  /** Goes on to the next model that the caller can pay for. "none": there is none, and the hold is as it was. "unknown": the
   *  database did not say in time, and may pin the hold yet. */
  async next(admitted: Admitted): Promise<RoutePlan | "none" | "unknown"> {
    for (let at = this.at + 1; at < this.links.length && !this.isOver; at++) {
      const link = this.links[at] as Link;
      const refusal = await this.repin(link, admitted);
      if (refusal === null) {
        this.at = at;
        return link.plan;
      }
      this.passedOver.set(link.model.id, refusal);
      if (refusal === "unavailable") return "unknown";
    }
    this.isOver = true;
    return "none";
  }

  private get link(): Link {
    // where none can be called, admission says so of the one that was asked for
    return this.links[this.at] ?? this.chain.links[0];
  }

  private async repin(link: Link, admitted: Admitted): Promise<string | null> {
    const { snapshots } = this.deps;
    const price = priceFor(link.model, this.call.caller.scope.orgId);
    if (!price && snapshots.current().mode === "service") return "model_not_priced";
    const sizeAt = this.call.sizeOf(link);
    let refusal = "insufficient_credits";
    for (const exact of [false, true]) {
      const size = sizeAt(price ?? FREE, exact);
      let answer = await this.ask(link.model, price, size.amount, admitted);
      const { available } = answer ?? {};
      if (answer?.refusedBy && available != null && available >= size.minAmount && available < size.amount)
        answer = await this.ask(link.model, price, available, admitted);
      if (!answer) return "unavailable";
      if (answer.state !== "open") return this.end(answer.state);
      if (answer.refusedBy === null) {
        this.adopt(price, size, answer, admitted);
        return null;
      }
      refusal = answer.refusedBy;
      if (refusal !== "insufficient_credits" && refusal !== "budget") return refusal;
    }
    return refusal;
  }

  /** Null where the database does not answer in time. What it does later must not be followed by yet another pin. */
  private async ask(
    model: SnapshotModel,
    price: PricedRates | null,
    wantAmount: Nano,
    { meter }: Admitted,
  ): Promise<ProgressAnswer | null> {
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<null>((resolve) => {
      timer = setTimeout(() => resolve(null), REPIN_TIMEOUT_MS);
    });
    const asked = this.deps.wallet.checkpoint({
      ...{ orgId: this.call.caller.scope.orgId, requestId: this.call.requestId, attempt: meter.attemptCount },
      ...{ usage: {}, units: 0, accrued: 0n, accruedCost: 0n, wantAmount, context: {} },
      repin: {
        modelId: model.id,
        priceVersionId: price?.versionId ?? null,
        restrictedOk: takesStarterCredit(
          model,
          price,
          this.deps.snapshots.current().starterBound,
          this.call.hostedTools,
        ),
      },
    });
    // the wallet reports its own trouble
    const answer = await Promise.race([asked.catch(() => null), timeout]).finally(() => clearTimeout(timer));
    if (!answer) this.end("unavailable");
    return answer;
  }

  private end(reason: string): string {
    this.isOver = true;
    return reason;
  }

  private adopt(price: PricedRates | null, size: HoldSize, { amount, available }: ProgressAnswer, to: Admitted): void {
    const granted = amount ?? size.amount;
    const slicing = size.slice === null ? null : { granted, slice: size.slice, affords: size.affords };
    to.meter.repin({ price, slicing });
    to.maxOutputTokens = size.limitToSend(granted, available);
  }
}
