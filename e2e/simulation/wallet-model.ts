import type { Statement } from "./database";
import type { Budgets } from "./ground";
import type { GatewayLife } from "./node";

type Row = Record<string, unknown>;
type Item = Record<string, unknown> & { org: string; id: string };
type OpenHold = { org: string; amount: bigint; accrued: bigint; delivered: boolean; life: GatewayLife | null };
type WalletModel = {
  posted: bigint;
  held: bigint;
  frozen: boolean;
  expired: bigint;
  lots: { amount: bigint; at: number }[];
  /** Of its one key. */
  budgets: { limit: bigint; isDaily: boolean; spent: bigint }[];
  hasPaid: boolean;
  /** When starter credit alone last paid. */
  starterAt: number | null;
};

type Closed = { state: string; org: string; price: bigint; written: bigint; adjusted: boolean };

/** As read from the database after each statement. */
export type WalletRow = {
  org_id: string;
  posted: string;
  held: string;
  restricted: string;
  status: string;
  open: string;
  entries: string;
  lots: string;
  expired: string;
};

export const READ_WALLETS = `SELECT w.org_id, w.posted, w.held, w.restricted, w.status,
  (SELECT coalesce(sum(amount), 0) FROM hold h WHERE h.org_id = w.org_id AND h.state = 'open') AS open,
  (SELECT coalesce(sum(amount), 0) FROM entry WHERE account_id = 'customer:' || w.org_id) AS entries,
  (SELECT coalesce(sum(remaining), 0) FROM credit_lot c WHERE c.org_id = w.org_id) AS lots,
  (SELECT coalesce(-sum(e.amount), 0) FROM entry e JOIN journal j ON j.id = e.journal_id
   WHERE j.kind = 'expiry' AND e.account_id = 'customer:' || w.org_id) AS expired
FROM wallet w WHERE w.org_id = ANY ($1) ORDER BY 1`;

/** What wallets must do, thought out again in a few lines: it sees what was asked and answered, and says what must be there
 *  afterwards. Amounts are nano-USD. Throws at the first difference. */
export class WalletsModel {
  readonly wallets = new Map<string, WalletModel>();
  readonly open = new Map<string, OpenHold>();
  /** How each hold ended, at which price, and how much of it was written off. */
  readonly closed = new Map<string, Closed>();
  readonly granted = new Set<string>();
  /** The newest life of each node. */
  private readonly epochs = new Map<string, bigint>();
  private day = 0;
  private now = 0;

  add(org: string, { cap, total }: Budgets): void {
    const budgets = [
      ...(cap ? [{ limit: cap, isDaily: true, spent: 0n }] : []),
      ...(total ? [{ limit: total, isDaily: false, spent: 0n }] : []),
    ];
    this.wallets.set(org, {
      ...{ posted: 0n, held: 0n, frozen: false, expired: 0n, lots: [], budgets, hasPaid: false, starterAt: null },
    });
  }

  /** A statement took effect; `rows` is its answer, `after` what the wallets hold now. */
  follow({ text, values, owner }: Statement, rows: Row[], after: WalletRow[], now: number): void {
    this.now = now;
    this.turn(now);
    for (const row of after) this.expire(row, now);
    const items = () => JSON.parse(String(values[0])) as Item[];
    const life = owner as GatewayLife;
    const isFenced =
      /(authorize|checkpoint)_batch/.test(text) && big(values[2]) < (this.epochs.get(String(values[1])) ?? 0n);
    if (text.includes("node_boot")) this.epochs.set(String(values[0]), big(rows[0]?.epoch));
    if (text.includes("authorize_batch"))
      this.pairs(items(), rows, (item, row) => {
        if (isFenced) return expect(!row.granted && row.refused_by === "fenced", `${item.id}: held by a fenced node`);
        this.authorize(
          item,
          row,
          life,
          after.find(({ org_id }) => org_id === item.org),
        );
      });
    else if (text.includes("checkpoint_batch"))
      this.pairs(items(), rows, (item, row) => this.checkpoint(item, row, isFenced));
    else if (text.includes("settle_batch")) this.pairs(items(), rows, (item, row) => this.settle(item, row));
    else if (text.includes("void_holds")) this.voided(values[0] as string[]);
    else if (text.includes("late_adjust")) this.pairs(items(), rows, (item, row) => this.adjust(item, row));
    else if (text.includes("sweep_holds")) for (const row of rows) this.swept(row);
    for (const row of after) this.compare(row);
  }

  grant(org: string, amount: bigint, expiresAt: number | null, isPaid: boolean): void {
    const wallet = this.wallet(org);
    if (isPaid) wallet.hasPaid = true;
    wallet.posted += amount;
    if (expiresAt !== null) wallet.lots.push({ amount, at: expiresAt });
    if (wallet.posted >= 0n) wallet.frozen = false;
  }

  private authorize(item: Item, row: Row, life: GatewayLife, now: WalletRow | undefined): void {
    // holding changes neither; what expired first is gone from both
    const restricted = big(now?.restricted ?? 0);
    const isStarter = restricted > 0n && big(now?.posted ?? 0) <= restricted;
    const wallet = this.wallet(item.org);
    const room = wallet.posted - wallet.held - (item.restricted_ok ? 0n : restricted);
    const known = this.open.get(item.id);
    if (!row.granted) {
      if (row.refused_by === "insufficient_credits" || row.refused_by === "holds_only")
        expect(room < big(item.min_amount), `${item.id} was refused although ${room} is there`);
      if (row.refused_by === "budget") {
        const left = leftOf(wallet);
        expect(
          left !== null && left < big(item.min_amount),
          `${item.id} was refused although the budgets leave ${left}`,
        );
      }
      if (row.refused_by === "starter_rate")
        expect(
          isStarter && this.isSoon(wallet),
          `${item.id} was refused, the last starter call is ${wallet.starterAt}`,
        );
      return;
    }
    const amount = big(row.amount);
    if (known || this.closed.has(item.id))
      return expect(!known || known.amount === amount, `${item.id} was held twice`);
    expect(!wallet.frozen, `${item.id} was held in a frozen wallet`);
    expect(amount <= room, `${item.id} holds ${amount} of ${room}`);
    const left = leftOf(wallet);
    expect(left === null || amount <= left, `${item.id} holds ${amount}, the budgets leave ${left}`);
    expect(!isStarter || !this.isSoon(wallet), `${item.id} came within a second of another one on starter credit`);
    if (isStarter) wallet.starterAt = this.now;
    const fits = left === null || left > room ? room : left;
    expect(
      amount === (big(item.amount) <= fits ? big(item.amount) : amount) && amount >= big(item.min_amount),
      `${item.id} holds ${amount} of ${item.min_amount} to ${item.amount}; credit leaves ${room}, budgets ${left}`,
    );
    this.granted.add(item.id);
    this.open.set(item.id, { org: item.org, amount, accrued: 0n, delivered: false, life });
    wallet.held += amount;
  }

  private checkpoint(item: Item, row: Row, isFenced: boolean): void {
    const hold = this.open.get(item.id);
    if (hold && isFenced) return expect(row.state === "stale", `${item.id}: a fenced node was told ${row.state}`);
    expect((row.state === "open") === (hold !== undefined), `${item.id}: checkpoint says ${row.state}`);
    if (!hold) return;
    const wallet = this.wallet(hold.org);
    const amount = big(row.amount);
    const more = amount - hold.amount;
    expect(
      more === 0n ||
        (item.want_amount !== undefined && more > 0n && more <= wallet.posted - wallet.held && !wallet.frozen),
      `${item.id} grew by ${more}`,
    );
    const left = leftOf(wallet);
    expect(left === null || more <= (left > 0n ? left : 0n), `${item.id} grew by ${more}, the budgets leave ${left}`);
    expect(amount <= hold.amount || amount <= big(item.want_amount), `${item.id} holds more than it asked for`);
    hold.amount = amount;
    wallet.held += more;
    if (big(item.accrued) > hold.accrued) hold.accrued = big(item.accrued);
    if (Number(item.units) > 0) hold.delivered = true;
  }

  private settle(item: Item, row: Row): void {
    const isOpen = this.open.has(item.id);
    expect(
      row.applied === isOpen,
      `${item.id}: settled ${row.applied}, was ${isOpen ? "open" : this.closed.get(item.id)?.state}`,
    );
    if (isOpen) this.close(item.id, "captured", big(item.price ?? 0));
  }

  private voided(ids: string[]): void {
    for (const id of ids) if (this.open.has(id)) this.close(id, "voided", 0n);
  }

  private swept({ id, price, reason }: Row): void {
    const hold = this.open.get(String(id));
    expect(hold !== undefined, `${id} was swept although it was closed`);
    if (!hold) return;
    expect(
      big(price ?? 0) === (hold.delivered ? hold.accrued : 0n),
      `${id} was swept at ${price}, its checkpoint says ${hold.accrued}`,
    );
    const { life } = hold;
    if (life && !life.dead && !life.paused && !life.wasSilent)
      expect(reason === "expired", `${id} was swept (${reason}) under a living node`);
    this.close(String(id), "expired", big(price ?? 0));
  }

  private adjust(item: Item, row: Row): void {
    const closed = this.closed.get(item.id);
    const isDue = closed?.state === "expired" && !closed.adjusted;
    expect(row.applied === isDue, `${item.id}: adjusted ${row.applied}`);
    if (!closed || !isDue) return;
    const wallet = this.wallet(closed.org);
    closed.adjusted = true;
    const change = big(item.price ?? 0) - closed.price;
    const forgiven = change < 0n && closed.written > 0n ? (closed.written < -change ? closed.written : -change) : 0n;
    wallet.posted -= change + forgiven; // nobody gets back what they never paid
    for (const budget of wallet.budgets) budget.spent += change;
    wallet.frozen = wallet.posted < 0n;
  }

  private close(id: string, state: string, price: bigint): void {
    // safe because callers have looked
    const hold = this.open.get(id) as OpenHold;
    const wallet = this.wallet(hold.org);
    this.open.delete(id);
    wallet.held -= hold.amount;
    for (const budget of wallet.budgets) budget.spent += price;
    // what is not there is written off, unless the wallet owes already
    const there = wallet.frozen ? price : wallet.posted > 0n ? wallet.posted : 0n;
    const written = price > there ? price - there : 0n;
    wallet.posted -= price - written;
    this.closed.set(id, { state, org: hold.org, price, written, adjusted: false });
  }

  /** A new day begins with nothing spent. */
  private turn(now: number): void {
    const day = Math.floor(now / 86_400_000);
    if (day === this.day) return;
    this.day = day;
    for (const { budgets } of this.wallets.values())
      for (const budget of budgets) if (budget.isDaily) budget.spent = 0n;
  }

  private isSoon({ starterAt }: WalletModel): boolean {
    return starterAt !== null && this.now < starterAt + 1_000;
  }

  private expire(row: WalletRow, now: number): void {
    const wallet = this.wallet(row.org_id);
    const part = big(row.expired) - wallet.expired;
    const due = wallet.lots.filter(({ at }) => at <= now).reduce((sum, { amount }) => sum + amount, 0n);
    expect(part >= 0n && big(row.expired) <= due, `${row.org_id}: ${row.expired} expired of ${due} that was due`);
    wallet.expired += part;
    wallet.posted -= part;
  }

  private compare(row: WalletRow): void {
    const { posted, held, frozen } = this.wallet(row.org_id);
    const model = { posted, held, status: frozen ? "frozen" : "active" };
    const is = (name: "posted" | "held") =>
      expect(big(row[name]) === model[name], `${row.org_id}: ${name} ${row[name]}, must be ${model[name]}`);
    is("posted");
    is("held");
    expect(row.status === model.status, `${row.org_id} is ${row.status}, must be ${model.status}`);
    if (this.wallet(row.org_id).hasPaid)
      expect(row.restricted === "0", `${row.org_id} has paid and is still restricted`);
    expect(big(row.open) === held, `${row.org_id}: held ${held}, open holds ${row.open}`);
    expect(big(row.entries) === posted, `${row.org_id}: posted ${posted}, entries ${row.entries}`);
    expect(big(row.lots) === (posted > 0n ? posted : 0n), `${row.org_id}: posted ${posted}, lots ${row.lots}`);
  }

  private pairs(items: Item[], rows: Row[], follow: (item: Item, row: Row) => void): void {
    const byOrd = new Map(rows.map((row) => [Number(row.ord), row]));
    items.forEach((item, index) => {
      const row = byOrd.get(index + 1);
      expect(row !== undefined, `${item.id} got no row`);
      if (row && !row.skipped) follow(item, row);
    });
  }

  private wallet(org: string): WalletModel {
    const wallet = this.wallets.get(org);
    if (!wallet) throw new Error(`no wallet ${org}`);
    return wallet;
  }
}

/** What the budgets leave beside what is held; null where there are none. */
function leftOf({ budgets, held }: WalletModel): bigint | null {
  const left = budgets.map(({ limit, spent }) => limit - spent - held);
  return left.length === 0 ? null : left.reduce((least, one) => (one < least ? one : least));
}

export function expect(holds: boolean, message: string): void {
  if (!holds) throw new Error(message);
}

function big(value: unknown): bigint {
  return BigInt(String(value));
}
