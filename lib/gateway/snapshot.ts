import { parseRates, type Rates } from "@/lib/billing/pricing";
import type { Capabilities, OfferTimeouts } from "@/lib/catalog/capabilities";
import { effectiveBaseUrl, findProviderKind, sealingOrigin } from "@/lib/catalog/provider-kinds";
import { type Nano, parseUsd } from "@/lib/money";
import type { Sql } from "@/lib/pg";
import { DEFAULT_SETTINGS } from "@/lib/settings/schema";

export type PricedRates = { versionId: string; rates: Rates; factorBp: number };

export type SnapshotCredential = {
  id: string;
  name: string;
  weight: number;
  /** Calls and tokens a minute, approximately; null for no cap. */
  rpm: number | null;
  tpm: number | null;
  sealed: string;
  sealedOrigin: string;
};

export type SnapshotProvider = {
  id: string;
  slug: string;
  kind: string;
  baseUrl: string;
  region: string | null;
  /** Usable ones only. Null stands for "needs none". */
  credentials: readonly SnapshotCredential[] | null;
  /** The origin that secrets must be sealed to for the base URL in force. */
  sealingOrigin: string;
};

export type SnapshotOffer = {
  id: string;
  provider: SnapshotProvider;
  upstreamModel: string;
  priority: number;
  weight: number;
  cost: PricedRates | null;
  /** Null: the model's. */
  capabilities: Capabilities | null;
  contextWindow: number | null;
  /** Null: those that hold for all. */
  timeouts: OfferTimeouts | null;
};

export type SnapshotModel = {
  id: string;
  type: string;
  displayName: string | null;
  contextWindow: number | null;
  maxOutputTokens: number | null;
  /** Null: unknown. */
  capabilities: Capabilities | null;
  createdAt: Date;
  price: PricedRates | null;
  /** Negotiated prices by organisation. */
  orgPrices: ReadonlyMap<string, PricedRates>;
  offers: readonly SnapshotOffer[];
};

/** All configuration a call needs, immutable; replaced as a whole when something changes. */
export type Snapshot = {
  version: string;
  mode: "service" | "enterprise";
  /** Starter credit pays only for models that cost no more, in nano-USD per million units. */
  starterBound: Nano;
  /** Until the next price version comes into force; null where none is announced. */
  nextPriceInMs: number | null;
  models: ReadonlyMap<string, SnapshotModel>;
  /** Lower-case id or alias -> model; ids win over aliases. */
  byLowerCaseName: ReadonlyMap<string, SnapshotModel>;
  aliases: ReadonlyMap<string, SnapshotModel>;
  /** Lower-case alias -> ids of the models that answer for it where its own cannot, in order. */
  fallbacks: ReadonlyMap<string, readonly string[]>;
};

/** The model a client means: exact id, exact alias, then either without regard to case. A `models/` prefix and
 *  surrounding spaces are stripped. */
export function findModel(snapshot: Snapshot, name: string): SnapshotModel | null {
  const wanted = plainName(name);
  return (
    snapshot.models.get(wanted) ??
    snapshot.aliases.get(wanted) ??
    snapshot.byLowerCaseName.get(wanted.toLowerCase()) ??
    null
  );
}

/** The models behind the alias that a client used; none where it used a model's own id. */
export function fallbacksOf(snapshot: Snapshot, name: string): readonly string[] {
  const wanted = plainName(name);
  return snapshot.models.has(wanted) ? [] : (snapshot.fallbacks.get(wanted.toLowerCase()) ?? []);
}

function plainName(name: string): string {
  return name.trim().replace(/^models\//, "");
}

/** The price in force for an organisation; null where the model has none. */
export function priceFor(model: SnapshotModel, orgId: string): PricedRates | null {
  return model.orgPrices.get(orgId) ?? model.price;
}

/** Reads the whole configuration in one consistent pass. */
export async function loadSnapshot(sql: Sql): Promise<Snapshot> {
  const { rows } = await sql.query<{ snapshot: Stored }>(LOAD);
  const stored = rows[0]?.snapshot;
  if (!stored) throw new Error("the configuration query returned nothing");
  return buildSnapshot(stored);
}

/** Cheap check whether a newer configuration exists. */
export async function readConfigVersion(sql: Sql): Promise<string> {
  const { rows } = await sql.query<{ version: string }>("select version::text from config_version where id = 1");
  return rows[0]?.version ?? "0";
}

type StoredPrice = {
  id: string;
  subject: "model" | "offer";
  subject_id: string;
  org_id: string | null;
  rates: unknown;
  factor_bp: number;
};
type Stored = {
  version: string;
  mode: string | null;
  starter_bound: string | null;
  next_price_in_ms: number | null;
  providers: { id: string; slug: string; kind: string; base_url: string | null; region: string | null }[] | null;
  credentials: (SnapshotCredential & { provider_id: string; sealed_origin: string })[] | null;
  models:
    | {
        id: string;
        type: string;
        display_name: string | null;
        context_window: number | null;
        max_output_tokens: number | null;
        capabilities: Capabilities | null;
        created_at: string;
      }[]
    | null;
  aliases: { alias: string; model_id: string; fallbacks: string[] }[] | null;
  offers:
    | {
        id: string;
        model_id: string;
        provider_id: string;
        upstream_model: string;
        priority: number;
        weight: number;
        capabilities: Capabilities | null;
        context_window: number | null;
        timeouts: OfferTimeouts | null;
      }[]
    | null;
  prices: StoredPrice[] | null;
};

const LOAD = `
select json_build_object(
  'version', (select version::text from config_version where id = 1),
  'mode', (select value #>> '{}' from setting where key = 'mode'),
  'starter_bound', (select value #>> '{}' from setting where key = 'starterModelsUsd'),
  'next_price_in_ms', (select ceil(extract(epoch from min(effective_from) - clock_timestamp()) * 1000)
    from price_version where effective_from > clock_timestamp()),
  'providers', (select json_agg(json_build_object('id', id, 'slug', slug, 'kind', kind, 'base_url', base_url, 'region', region))
    from provider where enabled),
  'credentials', (select json_agg(json_build_object('id', id, 'provider_id', provider_id, 'name', name, 'weight', weight,
      'rpm', rpm, 'tpm', tpm, 'sealed', sealed, 'sealed_origin', sealed_origin) order by id)
    from credential where enabled and status = 'active'),
  'models', (select json_agg(json_build_object('id', id, 'type', type, 'display_name', display_name,
      'context_window', context_window, 'max_output_tokens', max_output_tokens, 'capabilities', capabilities, 'created_at', created_at) order by id)
    from model where enabled),
  'aliases', (select json_agg(json_build_object('alias', alias, 'model_id', model_id, 'fallbacks', fallbacks)) from model_alias),
  'offers', (select json_agg(json_build_object('id', id, 'model_id', model_id, 'provider_id', provider_id,
      'upstream_model', upstream_model, 'priority', priority, 'weight', weight, 'capabilities', capabilities,
      'context_window', context_window, 'timeouts', timeouts) order by priority, id)
    from offer where enabled),
  'prices', (select json_agg(json_build_object('id', id::text, 'subject', subject, 'subject_id', subject_id, 'org_id', org_id,
      'rates', rates, 'factor_bp', factor_bp))
    from (select distinct on (subject, subject_id, org_id) * from price_version
      where effective_from <= clock_timestamp() order by subject, subject_id, org_id, effective_from desc, id desc) in_force)
) as snapshot`;

function buildSnapshot(stored: Stored): Snapshot {
  const providers = new Map((stored.providers ?? []).map((row) => [row.id, toProvider(row, stored.credentials ?? [])]));
  const prices = stored.prices ?? [];
  const listPrices = new Map(
    prices.filter(({ org_id }) => org_id === null).map((row) => [`${row.subject}:${row.subject_id}`, toRates(row)]),
  );
  const models = new Map<string, SnapshotModel>();
  for (const row of stored.models ?? []) {
    const price = listPrices.get(`model:${row.id}`) ?? null;
    models.set(row.id, {
      id: row.id,
      type: row.type,
      displayName: row.display_name,
      contextWindow: row.context_window,
      maxOutputTokens: row.max_output_tokens,
      capabilities: row.capabilities,
      createdAt: new Date(row.created_at),
      price,
      orgPrices: orgPricesOf(row.id, prices),
      offers: (stored.offers ?? []).flatMap((offer) => {
        const provider = providers.get(offer.provider_id);
        if (offer.model_id !== row.id || !provider) return [];
        return [
          {
            id: offer.id,
            provider,
            upstreamModel: offer.upstream_model,
            priority: offer.priority,
            weight: offer.weight,
            cost: listPrices.get(`offer:${offer.id}`) ?? null,
            capabilities: offer.capabilities,
            contextWindow: offer.context_window,
            timeouts: offer.timeouts,
          },
        ];
      }),
    });
  }
  const aliases = new Map<string, SnapshotModel>();
  const fallbacks = new Map<string, readonly string[]>();
  for (const { alias, model_id, fallbacks: others } of stored.aliases ?? []) {
    const model = models.get(model_id);
    if (!model) continue;
    aliases.set(alias, model);
    if (others.length > 0) fallbacks.set(alias.toLowerCase(), others);
  }
  return {
    version: stored.version ?? "0",
    mode: stored.mode === "enterprise" ? "enterprise" : "service",
    starterBound: parseUsd(stored.starter_bound ?? DEFAULT_SETTINGS.starterModelsUsd),
    nextPriceInMs: stored.next_price_in_ms,
    models,
    aliases,
    fallbacks,
    byLowerCaseName: new Map([...aliases, ...models].map(([name, model]) => [name.toLowerCase(), model])),
  };
}

function toProvider(
  row: NonNullable<Stored["providers"]>[number],
  credentials: NonNullable<Stored["credentials"]>,
): SnapshotProvider {
  const address = { kind: row.kind, baseUrl: row.base_url, region: row.region };
  const shape = findProviderKind(row.kind)?.credential;
  const own = credentials
    .filter(({ provider_id }) => provider_id === row.id)
    .map(({ id, name, weight, rpm, tpm, sealed, sealed_origin: sealedOrigin }) => ({
      ...{ id, name, weight, rpm, tpm, sealed, sealedOrigin },
    }));
  const needsNone = shape === "none" || (shape === "optionalApiKey" && own.length === 0);
  return {
    id: row.id,
    slug: row.slug,
    kind: row.kind,
    region: row.region,
    baseUrl: effectiveBaseUrl(address) ?? "",
    credentials: needsNone ? null : own,
    sealingOrigin: sealingOrigin(address),
  };
}

function toRates(row: StoredPrice): PricedRates {
  return { versionId: row.id, rates: parseRates(row.rates), factorBp: row.factor_bp };
}

/** Whatever was agreed is written out in full rates and a factor; a version without rates says that the list price holds. */
function orgPricesOf(modelId: string, prices: StoredPrice[]): ReadonlyMap<string, PricedRates> {
  const overrides = new Map<string, PricedRates>();
  for (const row of prices) {
    if (row.subject !== "model" || row.subject_id !== modelId || row.org_id === null) continue;
    const own = toRates(row);
    if (Object.keys(own.rates).length > 0) overrides.set(row.org_id, own);
  }
  return overrides;
}
