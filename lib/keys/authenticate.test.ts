import type { QueryConfig } from "pg";
import { beforeEach, describe, expect, it, test, vi } from "vitest";
import { fakeClock } from "@/e2e/support/gateway-values";
import { AppError } from "@/lib/errors";
import { createKeyring, type Keyring } from "@/lib/keys/authenticate";
import type { KeyUse } from "@/lib/keys/key-uses";
import { generateKey, hashKey } from "@/lib/keys/secret";
import type { Sql } from "@/lib/pg";

const PEPPER = "pepper";
const OLD_PEPPER = "old-pepper";

type Row = Record<string, unknown>;
let rows: Row[];
let looked: string[][];
/** Awaited by each look-up after it has read its rows. */
let onLookUp: () => Promise<void>;
let clock: ReturnType<typeof fakeClock>;
let keyring: Keyring;
let uses: KeyUse[];

beforeEach(() => {
  rows = [];
  looked = [];
  onLookUp = async () => {};
  clock = fakeClock();
  const query = async ({ values }: QueryConfig) => {
    const [hashes] = values as [string[]];
    looked.push(hashes);
    const found = rows.filter(({ hash }) => hashes.includes(hash as string)).map((row) => ({ ...row }));
    await onLookUp();
    return { rows: found };
  };
  // safe because the keyring only queries with a config object
  const sql = { query } as unknown as Sql;
  uses = [];
  keyring = createKeyring({ sql, peppers: [PEPPER, OLD_PEPPER], clock, onUse: (use) => uses.push(use) });
  keyring.setListening(true);
});

function store(given: Row = {}, pepper = PEPPER): string {
  const key = generateKey("sk");
  rows.push({
    hash: hashKey(pepper, key),
    id: `key_${rows.length}`,
    org_id: "org_1",
    org_status: "active",
    app_id: "app_1",
    member_id: null,
    status: "active",
    expires_at: null,
    allowed_models: [],
    org_models: [],
    allowed_ips: [],
    ...given,
  });
  return key;
}

const authenticate = (key: string, remoteAddress: string | null = "203.0.113.7") =>
  keyring.authenticate({ headers: { authorization: `Bearer ${key}` }, query: new URLSearchParams(), remoteAddress });

async function refusal(key: string, remoteAddress?: string | null): Promise<string> {
  const error = await authenticate(key, remoteAddress).catch((thrown: unknown) => thrown);
  if (!(error instanceof AppError)) throw new Error("was not refused");
  return error.code;
}

test("a known key is a caller of its organisation, allowed to call models and nothing else", async () => {
  const caller = await authenticate(store({ member_id: "mem_1" }));
  expect(caller).toMatchObject({ keyId: "key_0", appId: "app_1", memberId: "mem_1", scope: { orgId: "org_1" } });
  expect([...caller.scope.permissions]).toEqual(["inference"]);
});

test("a key hashed with the previous pepper still opens", async () => {
  expect(await authenticate(store({}, OLD_PEPPER))).toMatchObject({ keyId: "key_0" });
});

describe("a key that may not be used", () => {
  const later = new Date(Date.UTC(2026, 0, 1) + 1_000);
  it.each<[string, Row, string]>([
    ["revoked", { status: "revoked" }, "invalid_api_key"],
    ["disabled", { status: "disabled" }, "key_disabled"],
    ["of an unknown status", { status: "new" }, "key_disabled"],
    ["expired", { expires_at: new Date(Date.UTC(2026, 0, 1)) }, "invalid_api_key"],
    ["of a suspended organisation", { org_status: "suspended" }, "org_suspended"],
    ["revoked and expired", { status: "revoked", expires_at: new Date(0) }, "invalid_api_key"],
  ])("%s", async (_title, row, code) => {
    expect(await refusal(store(row))).toBe(code);
  });

  test("expires while it is remembered", async () => {
    const key = store({ expires_at: later });
    await authenticate(key);
    clock.advance(999);
    await authenticate(key);
    clock.advance(1);
    expect(await refusal(key)).toBe("invalid_api_key");
    expect(looked).toHaveLength(1);
  });
});

describe("the secret that a rotation replaced", () => {
  test("opens until its deadline, to the millisecond, while it is remembered", async () => {
    const key = store({ retires_at: new Date(Date.UTC(2026, 0, 1) + 1_000) });
    expect(await authenticate(key)).toMatchObject({ keyId: "key_0" });
    clock.advance(999);
    await authenticate(key);
    clock.advance(1);
    expect(await refusal(key)).toBe("invalid_api_key");
  });

  test("ends with its key", async () => {
    const retires_at = new Date(Date.UTC(2026, 0, 2));
    expect(await refusal(store({ retires_at, status: "revoked" }))).toBe("invalid_api_key");
    expect(await refusal(store({ retires_at, status: "disabled" }))).toBe("key_disabled");
  });
});

describe("uses", () => {
  test("are heard with the secret and the address, of keys that were let in only", async () => {
    const key = store();
    await authenticate(key, "198.51.100.4");
    await refusal(store({ status: "disabled" }));
    const secretHash = hashKey(PEPPER, key);
    expect(uses).toEqual([{ orgId: "org_1", keyId: "key_0", secretHash, address: "198.51.100.4" }]);
  });

  test("are not heard where the address is not known", async () => {
    await authenticate(store(), null);
    expect(uses).toEqual([]);
  });
});

test("a key may use what its own list and its organisation's allow, both", async () => {
  const caller = await authenticate(store({ org_models: ["openai/*"], allowed_models: ["openai/gpt-5", "sandbox/*"] }));
  const may = ["openai/gpt-5", "openai/gpt-4", "sandbox/chat"].map((id) => caller.mayUseModel({ id, type: "chat" }));
  expect(may).toEqual([true, false, false]);
});

describe("allowed addresses", () => {
  it.each<[string[], string | null, boolean]>([
    [["203.0.113.7"], "203.0.113.7", true],
    [["203.0.113.7"], "203.0.113.8", false],
    [["203.0.113.0/24"], "203.0.113.200", true],
    [["203.0.113.0/24"], "203.0.114.1", false],
    [["10.0.0.0/8", "2001:db8::/32"], "2001:db8:1::5", true],
    [["2001:db8::/32"], "2001:db9::1", false],
    [["2001:db8::1"], "2001:db8:0:0::1", true],
    [["203.0.113.7"], "::ffff:203.0.113.7", true],
    [["203.0.113.7"], null, false],
    [["203.0.113.7"], "not an address", false],
    [["0.0.0.0/0"], "198.51.100.1", true],
    [["0.0.0.0/0"], "2001:db8::1", false],
  ])("%j from %s: %s", async (allowed_ips, address, may) => {
    const key = store({ allowed_ips });
    if (may) await expect(authenticate(key, address)).resolves.toBeDefined();
    else expect(await refusal(key, address)).toBe("ip_not_allowed");
  });
});

describe("what is remembered", () => {
  test("a key that was found costs no second query while changes are announced", async () => {
    const key = store();
    await authenticate(key);
    clock.advance(24 * 60 * 60_000);
    await authenticate(key);
    expect(looked).toHaveLength(1);
  });

  test("a miss for one second, so that a key made a moment ago works", async () => {
    const key = store();
    const [row] = rows.splice(0);
    expect(await refusal(key)).toBe("invalid_api_key");
    const once = looked.length;
    rows.push(row as Row);
    clock.advance(999);
    expect(await refusal(key)).toBe("invalid_api_key");
    expect(looked).toHaveLength(once);
    clock.advance(1);
    expect(await authenticate(key)).toMatchObject({ keyId: "key_0" });
  });

  test("a key for five seconds while nobody listens, and nothing across the gap", async () => {
    const key = store();
    await authenticate(key);
    keyring.setListening(false);
    clock.advance(4_999);
    await authenticate(key);
    expect(looked).toHaveLength(1);
    clock.advance(1);
    await authenticate(key);
    expect(looked).toHaveLength(2);
    keyring.setListening(true);
    await authenticate(key);
    expect(looked).toHaveLength(3);
  });

  it.each([
    ["key_0", ["key_0"]],
    ["org:org_1", ["key_0", "key_1"]],
    ["", ["key_0", "key_1", "key_2"]],
    ["key_9", []],
  ])("purge %j forgets %j", async (payload, forgotten) => {
    const keys = [store(), store(), store({ org_id: "org_2" })];
    await Promise.all(keys.map((key) => authenticate(key)));
    keyring.purge(payload);
    const before = looked.length;
    await Promise.all(keys.map((key) => authenticate(key)));
    const again = new Set(looked.slice(before).flat());
    expect(rows.filter(({ hash }) => again.has(hash as string)).map(({ id }) => id)).toEqual(forgotten);
  });

  test("a purge forgets misses too: what changed may be what was missed", async () => {
    const key = store();
    const [row] = rows.splice(0);
    await refusal(key);
    rows.push(row as Row);
    keyring.purge("key_9");
    expect(await authenticate(key)).toMatchObject({ keyId: "key_0" });
  });

  test("a revoked key is refused at the next call after its purge", async () => {
    const key = store();
    await authenticate(key);
    Object.assign(rows[0] as Row, { status: "revoked" });
    keyring.purge("key_0");
    expect(await refusal(key)).toBe("invalid_api_key");
  });

  test("a purge also counts for a look-up that had read the old row", async () => {
    const key = store();
    onLookUp = async () => {
      Object.assign(rows[0] as Row, { status: "revoked" });
      keyring.purge("key_0");
      onLookUp = async () => {};
    };
    await authenticate(key);
    expect(await refusal(key)).toBe("invalid_api_key");
  });
});

test("simultaneous look-ups share one query", async () => {
  const keys = Array.from({ length: 50 }, () => store());
  await Promise.all(keys.map((key) => authenticate(key)));
  expect(looked.map((hashes) => hashes.length)).toEqual([50]);
});

test("a database that does not answer is waited for as long as for a hold, whatever else waits for it", async () => {
  vi.useFakeTimers();
  onLookUp = () => new Promise(() => {});
  void authenticate(store()).catch(() => {});
  await vi.advanceTimersByTimeAsync(1_000);
  const error = authenticate(store()).catch((thrown: unknown) => thrown);
  await vi.advanceTimersByTimeAsync(2_000);
  vi.useRealTimers();
  expect(await Promise.race([error, "still waiting"])).toMatchObject({ code: "unavailable", status: 503 });
});

test("without a database the answer is to come again, not that the key is bad", async () => {
  onLookUp = () => Promise.reject(new Error("connection refused"));
  const error = await authenticate(store()).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: "unavailable", status: 503 });
  onLookUp = async () => {};
  await expect(authenticate(store())).resolves.toBeDefined();
});
