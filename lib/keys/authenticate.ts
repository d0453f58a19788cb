import { BlockList, isIP } from "node:net";
import { LRUCache } from "lru-cache";
import { Batcher } from "@/lib/batcher";
import type { Clock } from "@/lib/clock";
import { AppError } from "@/lib/errors";
import type { KeyUse } from "@/lib/keys/key-uses";
import { hashKey, isWellFormedKey, keyKind } from "@/lib/keys/secret";
import { isListed, type ListedModel } from "@/lib/model-patterns";
import { mintScope, type Scope } from "@/lib/orgs/scope";
import type { Sql } from "@/lib/pg";

/** Who is calling, and what their key may do. */
export type Caller = {
  scope: Scope;
  keyId: string;
  appId: string;
  memberId: string | null;
  mayUseModel(model: ListedModel): boolean;
};

export type Keyring = {
  /** Turns request headers into a caller. Throws invalid_api_key, key_disabled, ip_not_allowed, org_suspended,
   *  invalid_request for two different keys, and unavailable without a database. A key seen before costs no query. */
  authenticate(request: KeyedRequest): Promise<Caller>;
  /** A key (`key_…`) or everything of an organisation (`org:org_…`) changed; empty: forget everything. */
  purge(payload: string): void;
  /** While no notifications arrive, entries are trusted for 5 s only. */
  setListening(listening: boolean): void;
};

export type KeyedRequest = {
  headers: Readonly<Record<string, string | undefined>>;
  query: URLSearchParams;
  remoteAddress: string | null;
};

type KeyRecord = {
  keyId: string;
  orgId: string;
  orgStatus: string;
  appId: string;
  memberId: string | null;
  status: string;
  statusReason: string | null;
  expiresAtMs: number | null;
  /** Of a secret that a rotation has replaced: until when it opens still. */
  retiresAtMs: number | null;
  allowedModels: readonly string[];
  /** What the operator allows the whole organisation. */
  orgModels: readonly string[];
  allowedIps: readonly string[];
};
type Entry = { record: KeyRecord | null; caller: Caller | null; readAt: number };

/** A miss is remembered this long, so that a key made a moment ago works at once and a flood of bad ones stays cheap. */
const MISS_TTL_MS = 1_000;
const DEAF_TTL_MS = 5_000;
/** A database that hangs makes look-ups queue: nobody waits for them longer than for a hold. */
const LOOK_UP_TIMEOUT_MS = 2_000;
const MAX_KEYS = 100_000;

export function createKeyring(deps: {
  sql: Sql;
  peppers: readonly string[];
  clock: Clock;
  /** Hears of every app key that was let in. */
  onUse?: (use: KeyUse) => void;
}): Keyring {
  const entries = new LRUCache<string, Entry>({ max: MAX_KEYS });
  const lookups = new Batcher<string, KeyRecord | null>((hashes) => lookUp(deps.sql, hashes), { max: 1_000 });
  let listening = false;
  /** Counts what was announced or missed: a look-up under way meanwhile may have read the old row. */
  let changes = 0;

  const find = async (key: string): Promise<Entry & { hash: string }> => {
    let found = { record: null, caller: null, readAt: 0, hash: "" } as Entry & { hash: string };
    for (const pepper of deps.peppers) {
      const hash = hashKey(pepper, key);
      found = { ...(fresh(entries.get(hash)) ?? (await read(hash))), hash };
      if (found.record) break;
    }
    return found;
  };
  const fresh = (entry: Entry | undefined): Entry | null => {
    if (!entry) return null;
    const age = deps.clock.monotonic() - entry.readAt;
    if (!entry.record) return age < MISS_TTL_MS ? entry : null;
    return listening || age < DEAF_TTL_MS ? entry : null;
  };
  const read = async (hash: string): Promise<Entry> => {
    const readAt = deps.clock.monotonic();
    const changesBefore = changes;
    const record = await inTime(lookups.add(hash)).catch((cause) => {
      throw new AppError("unavailable", "The hub cannot reach its database. Try again in a moment.", {
        retryAfterMs: 2_000,
        cause,
      });
    });
    const entry = { record, caller: record && callerOf(record), readAt };
    if (changes === changesBefore) entries.set(hash, entry);
    return entry;
  };

  return {
    async authenticate(request) {
      const key = presentedKey(request);
      const { record, caller, hash } = await find(key);
      if (!record || !caller) {
        throw new AppError(
          "invalid_api_key",
          "This API key is not known. Check that it was copied whole, or create a new one.",
        );
      }
      assertUsable(record, deps.clock.now(), request.remoteAddress);
      if (request.remoteAddress && keyKind(key) === "sk")
        deps.onUse?.({ orgId: record.orgId, keyId: record.keyId, secretHash: hash, address: request.remoteAddress });
      return caller;
    },
    purge(payload) {
      changes++;
      if (!payload) return entries.clear();
      for (const [hash, { record }] of entries.entries()) {
        if (!record || record.keyId === payload || `org:${record.orgId}` === payload) entries.delete(hash);
      }
    },
    setListening(value) {
      // what changed while nobody listened is unknown
      if (value && !listening) {
        changes++;
        entries.clear();
      }
      listening = value;
    },
  };
}

function inTime<Result>(answer: Promise<Result>): Promise<Result> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error("the database did not answer in time")), LOOK_UP_TIMEOUT_MS);
  });
  // if the timeout wins, a later failure of the look-up has no listener left
  answer.catch(() => {});
  return Promise.race([answer, timeout]).finally(() => clearTimeout(timer));
}

const HEADER_HINT = "Send it in a header: `Authorization: Bearer aigne_sk_…`.";

/** The one app key a request presents: bearer in any case, `x-api-key` or `api-key`; values that are not ours are ignored
 *  where another header holds ours. */
export function presentedKey({ headers, query }: KeyedRequest): string {
  const bearer = /^bearer\s+(.*)$/i.exec(headers.authorization?.trim() ?? "")?.[1];
  const given = [bearer, headers["x-api-key"], headers["api-key"]].map((value) => value?.trim() ?? "").filter(Boolean);
  const ours = [...new Set(given.filter((value) => keyKind(value) !== null))];
  if (ours.length > 1) throw new AppError("invalid_request", "Two different API keys were sent. Send one.");
  const [key] = ours;
  if (!key) {
    if (query.has("key") || query.has("api_key")) {
      throw new AppError("invalid_api_key", `API keys in the URL are not read, since URLs are logged. ${HEADER_HINT}`);
    }
    if (given.length > 0)
      throw new AppError(
        "invalid_api_key",
        `This is not a key of this hub: keys begin with "aigne_sk_". ${HEADER_HINT}`,
      );
    throw new AppError("invalid_api_key", `No API key was sent. ${HEADER_HINT}`);
  }
  if (keyKind(key) === "mk") {
    throw new AppError(
      "invalid_api_key",
      "This is a management key: it runs the admin API, not inference. Use an app key (aigne_sk_…).",
    );
  }
  if (!isWellFormedKey(key))
    throw new AppError("invalid_api_key", "This API key is damaged: its checksum does not match. Copy it again.");
  return key;
}

function assertUsable(record: KeyRecord, now: number, remoteAddress: string | null): void {
  if (record.status === "revoked") throw new AppError("invalid_api_key", "This API key was revoked. Create a new one.");
  if (record.expiresAtMs !== null && record.expiresAtMs <= now)
    throw new AppError("invalid_api_key", "This API key has expired. Create a new one.");
  if (record.retiresAtMs !== null && record.retiresAtMs <= now)
    throw new AppError("invalid_api_key", "This API key was rotated and its old secret has ended. Use the new secret.");
  if (record.status !== "active")
    throw new AppError(
      "key_disabled",
      record.statusReason === "unusual_spend"
        ? "This API key was paused because it spent far more than usual. Resume it on the API keys page."
        : "This API key is disabled.",
    );
  if (record.orgStatus !== "active")
    throw new AppError("org_suspended", "This organisation is suspended. Contact the operator.");
  if (record.allowedIps.length > 0 && !isAllowedAddress(record.allowedIps, remoteAddress)) {
    throw new AppError("ip_not_allowed", `This API key may not be used from ${remoteAddress ?? "an unknown address"}.`);
  }
}

async function lookUp(sql: Sql, hashes: string[]) {
  const { rows } = await sql.query<KeyRow>({ text: FIND_KEYS, values: [hashes] });
  const byHash = new Map(rows.map((row) => [row.hash, row]));
  return hashes.map((hash) => {
    const row = byHash.get(hash);
    return { result: row ? toRecord(row) : null };
  });
}

type KeyRow = {
  hash: string;
  id: string;
  org_id: string;
  org_status: string;
  app_id: string;
  member_id: string | null;
  status: string;
  status_reason: string | null;
  expires_at: Date | null;
  retires_at: Date | null;
  allowed_models: string[];
  org_models: string[];
  allowed_ips: string[];
};

// Two look-ups by index: one condition with OR may be planned as a scan while the table is small.
const FIND_KEYS = `select x.hash, k.id, k.org_id, o.status as org_status, k.app_id, k.member_id, k.status, k.status_reason,
    k.expires_at, x.retires_at, k.allowed_models, o.allowed_models as org_models, k.allowed_ips
  from (
    select id, hash, null::timestamptz as retires_at from api_key where hash = any($1::text[])
    union all
    select id, previous_hash, previous_expires_at from api_key where previous_hash = any($1::text[])
  ) x join api_key k on k.id = x.id join org o on o.id = k.org_id`;

function toRecord(row: KeyRow): KeyRecord {
  return {
    keyId: row.id,
    orgId: row.org_id,
    orgStatus: row.org_status,
    appId: row.app_id,
    memberId: row.member_id,
    status: row.status,
    statusReason: row.status_reason,
    expiresAtMs: row.expires_at?.getTime() ?? null,
    retiresAtMs: row.retires_at?.getTime() ?? null,
    allowedModels: row.allowed_models,
    orgModels: row.org_models,
    allowedIps: row.allowed_ips,
  };
}

function callerOf(record: KeyRecord): Caller {
  return {
    scope: mintScope({
      orgId: record.orgId,
      actor: { type: "key", id: record.keyId },
      permissions: new Set(["inference"]),
    }),
    keyId: record.keyId,
    appId: record.appId,
    memberId: record.memberId,
    mayUseModel: (model) => isListed(record.orgModels, model) && isListed(record.allowedModels, model),
  };
}

function isAllowedAddress(allowed: readonly string[], address: string | null): boolean {
  if (!address) return false;
  const plain = address.replace(/^::ffff:(?=\d+\.)/, "");
  const family = isIP(plain) === 6 ? "ipv6" : "ipv4";
  const list = new BlockList();
  for (const cidr of allowed) {
    const [network = "", bits] = cidr.split("/");
    const version = isIP(network) === 6 ? "ipv6" : "ipv4";
    list.addSubnet(network, bits === undefined ? (version === "ipv6" ? 128 : 32) : Number(bits), version);
  }
  return isIP(plain) !== 0 && list.check(plain, family);
}
