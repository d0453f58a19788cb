import type { StripeObject } from "./world";

// The hosted page. Plain HTML without scripts; every page says that it is a simulation and takes no real card.

const STYLE = `
:root{color-scheme:light dark;--ink:#1b1f27;--quiet:#5a616d;--paper:#fbfaf7;--line:#d9d7d0;--accent:#0b6270;--on:#fff;--warn:#7a4a00;--band:#fff3d6}
@media (prefers-color-scheme:dark){:root{--ink:#edebe6;--quiet:#a9afb9;--paper:#14171d;--line:#3a404b;--accent:#58c4d4;--on:#0b1216;--warn:#f4c76a;--band:#2c2412}}
*{box-sizing:border-box}body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
.band{background:var(--band);color:var(--warn);padding:10px 16px;text-align:center;font-weight:600}
main{max-width:420px;margin:32px auto;padding:0 16px}h1{font-size:20px;margin:0 0 4px}.sum{font-size:36px;font-weight:600;margin:0;font-variant-numeric:tabular-nums}
p{margin:8px 0}.quiet{color:var(--quiet)}label{display:block;font-weight:500;margin:16px 0 4px}
input{width:100%;height:44px;padding:0 12px;border:1px solid var(--line);border-radius:6px;background:transparent;color:inherit;font:inherit}
button{width:100%;height:44px;margin-top:16px;border:0;border-radius:6px;background:var(--accent);color:var(--on);font:inherit;font-weight:600;cursor:pointer}
button.second{background:transparent;color:inherit;border:1px solid var(--line)}a{color:inherit}
:focus-visible{outline:2px solid var(--accent);outline-offset:2px}.error{border-left:3px solid #c4391d;padding:4px 12px}
.row{display:flex;gap:12px}.row>div{flex:1}table{border-collapse:collapse;width:100%;font-size:13px;margin-top:24px}caption{text-align:left;padding-bottom:6px}td:first-child,th:first-child{padding-right:16px}td,th{border-top:1px solid var(--line);padding-top:6px;padding-bottom:6px;text-align:left;font-weight:400}td:first-child{font-family:ui-monospace,monospace}`;

const CARDS: readonly [number: string, what: string][] = [
  ["4242 4242 4242 4242", "succeeds"],
  ["4000 0000 0000 0002", "is declined"],
  ["4000 0000 0000 9995", "has insufficient funds"],
  ["4000 0025 0000 3155", "asks for the bank’s confirmation"],
  ["4000 0027 6000 3184", "asks for it every time, also when saved"],
  ["4000 0000 0000 0341", "can be saved; every charge is declined"],
  ["4000 0000 0000 7726", "succeeds; a refund takes some seconds"],
  ["4000 0000 0000 5126", "succeeds; a refund fails after some seconds"],
  ["DE89370400440532013000", "bank debit: succeeds after some seconds"],
  ["DE62370400440532013001", "bank debit: fails after some seconds"],
];

export const SECURITY_HEADERS = {
  "content-type": "text/html; charset=utf-8",
  "cache-control": "no-store",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "content-security-policy":
    "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
};

export function payPage(session: StripeObject, failure: string | null): string {
  const action = `/__stripe/pay/${session.id}`;
  const cards = CARDS.map(([number, what]) => `<tr><td>${number}</td><td>${what}</td></tr>`).join("");
  const isSaving = session.mode === "setup";
  return page(
    isSaving ? "Save" : "Pay",
    `<h1>${escapeHtml(session.description)}</h1>${isSaving ? "" : `<p class="sum">${money(session)}</p>`}
<form method="post" action="${action}">
${failure ? `<p class="error" role="alert">${escapeHtml(failure)} Nothing was charged.</p>` : ""}
<label for="number">Card number or IBAN</label><input id="number" name="number" autocomplete="off" required placeholder="4242 4242 4242 4242">
<div class="row"><div><label for="expiry">Expiry</label><input id="expiry" name="expiry" autocomplete="off" placeholder="12 / 34"></div>
<div><label for="cvc">CVC</label><input id="cvc" name="cvc" autocomplete="off" placeholder="123"></div></div>
<button type="submit">${isSaving ? "Save card" : `Pay ${money(session)}`}</button></form>
${session.cancel_url ? `<p><a href="${escapeHtml(session.cancel_url)}">Back without paying</a></p>` : ""}
<table><caption class="quiet">Test numbers</caption><thead><tr><th>Number</th><th>What happens</th></tr></thead><tbody>${cards}</tbody></table>`,
  );
}

/** Of a session, or of a payment of a saved card. */
export function bankPage(asked: StripeObject): string {
  const action = asked.object === "payment_intent" ? `/__stripe/bank/${asked.id}` : `/__stripe/pay/${asked.id}/bank`;
  const sum = asked.mode === "setup" ? "" : `${money(asked)} for `;
  return page(
    "Confirm",
    `<h1>Your bank asks for a confirmation</h1><p>${sum}${escapeHtml(asked.description)}</p>
<form method="post" action="${action}"><button name="answer" value="yes">Confirm</button>
<button class="second" name="answer" value="no">Refuse</button></form>`,
  );
}

/** Of a session, or of a payment of a saved card. */
export function receiptPage(paid: StripeObject): string {
  return page(
    "Receipt",
    `<h1>Receipt</h1><p class="sum">${money(paid)}</p><p>${escapeHtml(paid.description)}</p>
<p class="quiet">${escapeHtml(paid.payment_intent ?? paid.id)} · ${new Date(paid.created * 1000).toISOString().slice(0, 10)} · ${escapeHtml(paid.payment_status ?? "paid")}</p>`,
  );
}

export function overPage(session: StripeObject | undefined): string {
  const back = session?.cancel_url ? `<p><a href="${escapeHtml(session.cancel_url)}">Back to the hub</a></p>` : "";
  return page(
    "Over",
    `<h1>This page is no longer open</h1><p>The payment was made, or the page has expired.</p>${back}`,
  );
}

function page(title: string, content: string): string {
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>${title} · simulation of Stripe</title><style>${STYLE}</style></head><body>
<header class="band">Simulation of Stripe: no money moves. Never enter a real card.</header><main>${content}</main></body></html>`;
}

function money({ amount_total: total, amount, currency }: StripeObject): string {
  const format = new Intl.NumberFormat("en", { style: "currency", currency: String(currency) });
  return format.format(Number(total ?? amount) / 100);
}

function escapeHtml(value: unknown): string {
  return String(value ?? "").replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
