import { randomBytes } from "node:crypto";
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";

// What this simulation of Stripe holds. It shares no code with the product: what both believe about Stripe is written twice.
// Objects have Stripe's field names, amounts are in the smallest unit of their currency.

export type Fields = Record<string, unknown>;
export type StripeObject = Fields & { id: string; object: string; created: number };
export type Emit = (type: string, object: StripeObject) => void;

const KINDS = [
  ...["customer", "checkout.session", "payment_intent", "charge", "refund", "dispute", "balance_transaction", "event"],
  ...["radar.early_fraud_warning", "payout", "setup_intent", "payment_method"],
] as const;
export type Kind = (typeof KINDS)[number];
type Saved = { objects: Record<string, StripeObject[]>; answers: [string, Answer][] };
/** What an idempotency key answered. */
export type Answer = { request: string; status: number; body: unknown };

export class World {
  private readonly objects = new Map<Kind, Map<string, StripeObject>>(KINDS.map((kind) => [kind, new Map()]));
  readonly answers = new Map<string, Answer>();

  constructor(private readonly file: string | undefined) {
    if (!file || !existsSync(file)) return;
    // safe because only save() writes it
    const saved = JSON.parse(readFileSync(file, "utf8")) as Saved;
    for (const kind of KINDS) for (const object of saved.objects[kind] ?? []) this.of(kind).set(object.id, object);
    for (const [key, answer] of saved.answers) this.answers.set(key, answer);
  }

  /** Payments outlive a restart, as they do at Stripe. */
  save(): void {
    if (!this.file) return;
    const objects = Object.fromEntries(KINDS.map((kind) => [kind, [...this.of(kind).values()]]));
    writeFileSync(`${this.file}.new`, JSON.stringify({ objects, answers: [...this.answers] }), { mode: 0o600 });
    renameSync(`${this.file}.new`, this.file);
  }

  add(kind: Kind, prefix: string, fields: Fields): StripeObject {
    const id = `${prefix}_${randomBytes(12).toString("hex")}`;
    const object = { id, object: kind, created: Math.floor(Date.now() / 1000), livemode: false, ...fields };
    this.of(kind).set(id, object);
    return object;
  }

  find(kind: Kind, id: unknown): StripeObject | undefined {
    return this.of(kind).get(String(id));
  }

  /** Newest first. */
  list(kind: Kind, matches: (object: StripeObject) => boolean = () => true): StripeObject[] {
    return [...this.of(kind).values()].filter(matches).reverse();
  }

  private of(kind: Kind): Map<string, StripeObject> {
    return this.objects.get(kind) as Map<string, StripeObject>;
  }
}
