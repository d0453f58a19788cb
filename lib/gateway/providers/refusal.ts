/** What an upstream refused that refuses the credential (class `auth`): the key itself, or that nobody has paid. A model list
 *  is often open to a key whose account is empty, so the two are verified differently. */
export type Refusal = "auth" | "balance";

const MONEY = /credit|balance|billing|quota|overdue|arrears|payment|spend|insufficient funds|top.?up|recharge/i;

export function refusalOf({ status, message }: { status: number | null; message: string }): Refusal {
  return status === 402 || (status !== 401 && MONEY.test(message)) ? "balance" : "auth";
}
