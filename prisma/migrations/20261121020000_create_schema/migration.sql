-- All tables of the first version. Nothing waits for these locks: the tables are new.
-- Written by `prisma migrate diff`, then by hand: partitions of usage_event, the UNLOGGED limit_slot, fill factors of
-- tables updated in place, and everything below "By hand".
SET lock_timeout = '5s';

-- CreateSchema
CREATE SCHEMA IF NOT EXISTS "public";

-- CreateTable
CREATE TABLE "audit_event" (
    "id" TEXT NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL DEFAULT clock_timestamp(),
    "txid" TEXT NOT NULL DEFAULT (pg_current_xact_id())::text,
    "actor_type" TEXT NOT NULL,
    "actor_id" TEXT NOT NULL,
    "org_id" TEXT,
    "action" TEXT NOT NULL,
    "target" TEXT NOT NULL,
    "before" JSONB,
    "after" JSONB,
    "ip" TEXT,
    "request_id" TEXT,
    "reason" TEXT,
    "outcome" TEXT NOT NULL DEFAULT 'ok',

    CONSTRAINT "audit_event_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "user" (
    "id" TEXT NOT NULL,
    "name" TEXT,
    "email" TEXT NOT NULL,
    "email_verified" TIMESTAMPTZ(3),
    "image" TEXT,
    "password_hash" TEXT,
    "locale" TEXT,
    "disabled_at" TIMESTAMPTZ(3),
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT clock_timestamp(),

    CONSTRAINT "user_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "oauth_account" (
    "user_id" TEXT NOT NULL,
    "type" TEXT NOT NULL,
    "provider" TEXT NOT NULL,
    "provider_account_id" TEXT NOT NULL,
    "refresh_token" TEXT,
    "access_token" TEXT,
    "expires_at" INTEGER,
    "token_type" TEXT,
    "scope" TEXT,
    "id_token" TEXT,
    "session_state" TEXT,

    CONSTRAINT "oauth_account_pkey" PRIMARY KEY ("provider","provider_account_id")
);

-- CreateTable
CREATE TABLE "verification_token" (
    "identifier" TEXT NOT NULL,
    "token" TEXT NOT NULL,
    "expires" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "verification_token_pkey" PRIMARY KEY ("identifier","token")
);

-- CreateTable
CREATE TABLE "auth_session" (
    "id" TEXT NOT NULL,
    "sid_hash" TEXT NOT NULL,
    "user_id" TEXT NOT NULL,
    "level" TEXT NOT NULL,
    "mfa_at" TIMESTAMPTZ(3),
    "stepped_up_at" TIMESTAMPTZ(3),
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT clock_timestamp(),
    "last_seen_at" TIMESTAMPTZ(3) NOT NULL DEFAULT clock_timestamp(),
    "expires_at" TIMESTAMPTZ(3) NOT NULL,
    "ip" TEXT,
    "user_agent_hash" TEXT,

    CONSTRAINT "auth_session_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "staff" (
    "user_id" TEXT NOT NULL,
    "role" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT clock_timestamp(),

    CONSTRAINT "staff_pkey" PRIMARY KEY ("user_id")
);

-- CreateTable
CREATE TABLE "account" (
    "id" TEXT NOT NULL,
    "org_id" TEXT,
    "kind" TEXT NOT NULL,

    CONSTRAINT "account_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "wallet" (
    "org_id" TEXT NOT NULL,
    "posted" BIGINT NOT NULL DEFAULT 0,
    "held" BIGINT NOT NULL DEFAULT 0,
    "restricted" BIGINT NOT NULL DEFAULT 0,
    "floor" BIGINT DEFAULT 0,
    "status" TEXT NOT NULL DEFAULT 'active',
    "freeze_reason" TEXT,
    "next_expiry_at" TIMESTAMPTZ(3),
    "version" BIGINT NOT NULL DEFAULT 0,

    CONSTRAINT "wallet_pkey" PRIMARY KEY ("org_id")
) WITH (fillfactor = 50);

-- CreateTable
CREATE TABLE "limit_state" (
    "org_id" TEXT NOT NULL,
    "scope" TEXT NOT NULL,
    "scope_id" TEXT NOT NULL,
    "period" TEXT NOT NULL,
    "budget" BIGINT,
    "period_start" TIMESTAMPTZ(3),
    "spent" BIGINT NOT NULL DEFAULT 0,
    "held" BIGINT NOT NULL DEFAULT 0,
    "max_concurrency" INTEGER,
    "inflight" INTEGER NOT NULL DEFAULT 0,
    "rpm" INTEGER,
    "tpm" BIGINT,

    CONSTRAINT "limit_state_pkey" PRIMARY KEY ("org_id","scope","scope_id","period")
) WITH (fillfactor = 50);

-- CreateTable
CREATE UNLOGGED TABLE "limit_slot" (
    "org_id" TEXT NOT NULL,
    "scope" TEXT NOT NULL,
    "scope_id" TEXT NOT NULL,
    "slot" INTEGER NOT NULL,
    "sec" BIGINT NOT NULL,
    "calls" INTEGER NOT NULL DEFAULT 0,
    "tokens" BIGINT NOT NULL DEFAULT 0,

    CONSTRAINT "limit_slot_pkey" PRIMARY KEY ("org_id","scope","scope_id","slot")
) WITH (fillfactor = 50);

-- CreateTable
CREATE TABLE "credit_lot" (
    "id" TEXT NOT NULL,
    "org_id" TEXT NOT NULL,
    "source" TEXT NOT NULL,
    "payment_id" TEXT,
    "amount" BIGINT NOT NULL,
    "remaining" BIGINT NOT NULL,
    "priority" INTEGER NOT NULL,
    "restricted" BOOLEAN NOT NULL DEFAULT false,
    "expires_at" TIMESTAMPTZ(3),
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT clock_timestamp(),

    CONSTRAINT "credit_lot_pkey" PRIMARY KEY ("id")
) WITH (fillfactor = 70);

-- CreateTable
CREATE TABLE "lot_draw" (
    "id" BIGSERIAL NOT NULL,
    "org_id" TEXT NOT NULL,
    "journal_id" BIGINT NOT NULL,
    "request_id" TEXT,
    "lot_id" TEXT NOT NULL,
    "amount" BIGINT NOT NULL,

    CONSTRAINT "lot_draw_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "hold" (
    "id" TEXT NOT NULL,
    "org_id" TEXT NOT NULL,
    "key_id" TEXT NOT NULL,
    "app_id" TEXT NOT NULL,
    "member_id" TEXT,
    "model_id" TEXT NOT NULL,
    "input_hash" TEXT NOT NULL,
    "amount" BIGINT NOT NULL,
    "restricted_ok" BOOLEAN NOT NULL DEFAULT false,
    "price_version_id" BIGINT,
    "state" TEXT NOT NULL DEFAULT 'open',
    "node" TEXT NOT NULL,
    "epoch" BIGINT NOT NULL,
    "ctx" JSONB NOT NULL,
    "sent_at" TIMESTAMPTZ(3),
    "attempt" INTEGER NOT NULL DEFAULT 0,
    "usage" JSONB,
    "units" BIGINT NOT NULL DEFAULT 0,
    "accrued" BIGINT NOT NULL DEFAULT 0,
    "accrued_cost" BIGINT NOT NULL DEFAULT 0,
    "tpm_reserved" BIGINT NOT NULL DEFAULT 0,
    "sec" BIGINT NOT NULL DEFAULT 0,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT clock_timestamp(),
    "expires_at" TIMESTAMPTZ(3) NOT NULL,
    "closed_at" TIMESTAMPTZ(3),

    CONSTRAINT "hold_pkey" PRIMARY KEY ("id")
) WITH (fillfactor = 70);

-- CreateTable
CREATE TABLE "node" (
    "id" TEXT NOT NULL,
    "epoch" BIGINT NOT NULL,
    "booted_at" TIMESTAMPTZ(3) NOT NULL,
    "beat_at" TIMESTAMPTZ(3) NOT NULL,
    "spool_replayed" TIMESTAMPTZ(3),

    CONSTRAINT "node_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "journal" (
    "id" BIGSERIAL NOT NULL,
    "org_id" TEXT,
    "kind" TEXT NOT NULL,
    "ref" TEXT NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "actor" TEXT,
    "reason" TEXT,

    CONSTRAINT "journal_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "entry" (
    "id" BIGSERIAL NOT NULL,
    "journal_id" BIGINT NOT NULL,
    "account_id" TEXT NOT NULL,
    "amount" BIGINT NOT NULL,

    CONSTRAINT "entry_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "provider" (
    "id" TEXT NOT NULL,
    "slug" TEXT NOT NULL,
    "kind" TEXT NOT NULL,
    "display_name" TEXT NOT NULL,
    "base_url" TEXT,
    "region" TEXT,
    "enabled" BOOLEAN NOT NULL DEFAULT true,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT clock_timestamp(),
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT clock_timestamp(),

    CONSTRAINT "provider_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "credential" (
    "id" TEXT NOT NULL,
    "provider_id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "sealed" TEXT NOT NULL,
    "sealed_origin" TEXT NOT NULL,
    "version" INTEGER NOT NULL DEFAULT 1,
    "last4" TEXT NOT NULL,
    "fingerprint" TEXT NOT NULL,
    "region" TEXT,
    "weight" INTEGER NOT NULL DEFAULT 100,
    "enabled" BOOLEAN NOT NULL DEFAULT true,
    "status" TEXT NOT NULL DEFAULT 'active',
    "status_reason" TEXT,
    "last_tested_at" TIMESTAMPTZ(3),
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT clock_timestamp(),
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT clock_timestamp(),

    CONSTRAINT "credential_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "provider_probe" (
    "id" TEXT NOT NULL,
    "kind" TEXT NOT NULL,
    "provider_id" TEXT NOT NULL,
    "credential_id" TEXT,
    "state" TEXT NOT NULL DEFAULT 'pending',
    "ok" BOOLEAN,
    "latency_ms" INTEGER,
    "error" TEXT,
    "result" JSONB,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT clock_timestamp(),
    "finished_at" TIMESTAMPTZ(3),

    CONSTRAINT "provider_probe_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "model" (
    "id" TEXT NOT NULL,
    "type" TEXT NOT NULL,
    "display_name" TEXT,
    "context_window" INTEGER,
    "max_output_tokens" INTEGER,
    "margin_percent" DECIMAL(9,4),
    "enabled" BOOLEAN NOT NULL DEFAULT true,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT clock_timestamp(),
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT clock_timestamp(),

    CONSTRAINT "model_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "model_alias" (
    "alias" TEXT NOT NULL,
    "model_id" TEXT NOT NULL,

    CONSTRAINT "model_alias_pkey" PRIMARY KEY ("alias")
);

-- CreateTable
CREATE TABLE "offer" (
    "id" TEXT NOT NULL,
    "model_id" TEXT NOT NULL,
    "provider_id" TEXT NOT NULL,
    "upstream_model" TEXT NOT NULL,
    "priority" INTEGER NOT NULL DEFAULT 0,
    "weight" INTEGER NOT NULL DEFAULT 100,
    "enabled" BOOLEAN NOT NULL DEFAULT true,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT clock_timestamp(),

    CONSTRAINT "offer_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "price_version" (
    "id" BIGSERIAL NOT NULL,
    "subject" TEXT NOT NULL,
    "subject_id" TEXT NOT NULL,
    "org_id" TEXT,
    "effective_from" TIMESTAMPTZ(3) NOT NULL DEFAULT clock_timestamp(),
    "rates" JSONB NOT NULL,
    "factor_bp" INTEGER NOT NULL DEFAULT 10000,
    "content_hash" TEXT NOT NULL,
    "source" TEXT NOT NULL,
    "source_ref" TEXT,
    "created_by" TEXT NOT NULL,
    "reason" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT clock_timestamp(),

    CONSTRAINT "price_version_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "setting" (
    "key" TEXT NOT NULL,
    "value" JSONB NOT NULL,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT clock_timestamp(),

    CONSTRAINT "setting_pkey" PRIMARY KEY ("key")
);

-- CreateTable
CREATE TABLE "config_version" (
    "id" INTEGER NOT NULL DEFAULT 1,
    "version" BIGINT NOT NULL DEFAULT 0,

    CONSTRAINT "config_version_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "api_key" (
    "id" TEXT NOT NULL,
    "org_id" TEXT NOT NULL,
    "app_id" TEXT NOT NULL,
    "member_id" TEXT,
    "kind" TEXT NOT NULL DEFAULT 'app',
    "name" TEXT NOT NULL,
    "prefix" TEXT NOT NULL,
    "last4" TEXT NOT NULL,
    "hash" TEXT NOT NULL,
    "pepper_version" INTEGER NOT NULL DEFAULT 1,
    "status" TEXT NOT NULL DEFAULT 'active',
    "allowed_models" TEXT[] DEFAULT ARRAY[]::TEXT[],
    "allowed_ips" TEXT[] DEFAULT ARRAY[]::TEXT[],
    "expires_at" TIMESTAMPTZ(3),
    "created_by" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT clock_timestamp(),
    "revoked_at" TIMESTAMPTZ(3),

    CONSTRAINT "api_key_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "management_key" (
    "id" TEXT NOT NULL,
    "org_id" TEXT,
    "name" TEXT NOT NULL,
    "prefix" TEXT NOT NULL,
    "last4" TEXT NOT NULL,
    "hash" TEXT NOT NULL,
    "scopes" TEXT[],
    "status" TEXT NOT NULL DEFAULT 'active',
    "expires_at" TIMESTAMPTZ(3),
    "created_by" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT clock_timestamp(),

    CONSTRAINT "management_key_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "admin_idempotency" (
    "key_id" TEXT NOT NULL,
    "path" TEXT NOT NULL,
    "key" TEXT NOT NULL,
    "body_hash" TEXT NOT NULL,
    "status" INTEGER,
    "response" JSONB,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT clock_timestamp(),

    CONSTRAINT "admin_idempotency_pkey" PRIMARY KEY ("key_id","path","key")
);

-- CreateTable
CREATE TABLE "org" (
    "id" TEXT NOT NULL,
    "slug" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "status" TEXT NOT NULL DEFAULT 'active',
    "time_zone" TEXT NOT NULL DEFAULT 'UTC',
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT clock_timestamp(),

    CONSTRAINT "org_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "member" (
    "id" TEXT NOT NULL,
    "org_id" TEXT NOT NULL,
    "user_id" TEXT NOT NULL,
    "role" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT clock_timestamp(),

    CONSTRAINT "member_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "app" (
    "id" TEXT NOT NULL,
    "org_id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT clock_timestamp(),

    CONSTRAINT "app_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "usage_event" (
    "id" TEXT NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "org_id" TEXT NOT NULL,
    "started_at" TIMESTAMPTZ(3) NOT NULL,
    "kind" TEXT NOT NULL DEFAULT 'call',
    "parent_id" TEXT,
    "upstream_id" TEXT,
    "app_id" TEXT NOT NULL,
    "key_id" TEXT NOT NULL,
    "member_id" TEXT,
    "model_id" TEXT NOT NULL,
    "provider" TEXT,
    "upstream_model" TEXT,
    "credential_id" TEXT,
    "endpoint" TEXT NOT NULL,
    "dialect" TEXT NOT NULL,
    "route" TEXT,
    "stream" BOOLEAN NOT NULL,
    "outcome" TEXT NOT NULL,
    "http_status" INTEGER NOT NULL,
    "finish_reason" TEXT,
    "input_tokens" INTEGER NOT NULL DEFAULT 0,
    "cache_read_tokens" INTEGER NOT NULL DEFAULT 0,
    "cache_write_tokens" INTEGER NOT NULL DEFAULT 0,
    "cache_write_1h_tokens" INTEGER NOT NULL DEFAULT 0,
    "audio_input_tokens" INTEGER NOT NULL DEFAULT 0,
    "image_input_tokens" INTEGER NOT NULL DEFAULT 0,
    "video_input_tokens" INTEGER NOT NULL DEFAULT 0,
    "output_tokens" INTEGER NOT NULL DEFAULT 0,
    "reasoning_tokens" INTEGER NOT NULL DEFAULT 0,
    "audio_output_tokens" INTEGER NOT NULL DEFAULT 0,
    "image_output_tokens" INTEGER NOT NULL DEFAULT 0,
    "images" INTEGER NOT NULL DEFAULT 0,
    "milliseconds" BIGINT NOT NULL DEFAULT 0,
    "characters" BIGINT NOT NULL DEFAULT 0,
    "requests" INTEGER NOT NULL DEFAULT 0,
    "tool_calls" JSONB,
    "usage_source" TEXT NOT NULL,
    "price_nano" BIGINT,
    "promo_nano" BIGINT NOT NULL DEFAULT 0,
    "cost_nano" BIGINT,
    "waste_nano" BIGINT NOT NULL DEFAULT 0,
    "held_nano" BIGINT NOT NULL DEFAULT 0,
    "price_version_id" BIGINT,
    "journal_id" BIGINT,
    "latency_ms" INTEGER,
    "first_token_ms" INTEGER,
    "client_retry" INTEGER,
    "node" TEXT NOT NULL,

    CONSTRAINT "usage_event_pkey" PRIMARY KEY ("id","at")
) PARTITION BY RANGE ("at");

-- CreateTable
CREATE TABLE "attempt" (
    "request_id" TEXT NOT NULL,
    "n" INTEGER NOT NULL,
    "org_id" TEXT NOT NULL,
    "offer_id" TEXT,
    "provider" TEXT NOT NULL,
    "upstream_model" TEXT NOT NULL,
    "credential_id" TEXT,
    "outcome" TEXT NOT NULL,
    "http_status" INTEGER,
    "usage" JSONB,
    "cost_nano" BIGINT,
    "cost_version_id" BIGINT,
    "first_token_ms" INTEGER,
    "latency_ms" INTEGER,

    CONSTRAINT "attempt_pkey" PRIMARY KEY ("request_id","n")
);

-- CreateTable
CREATE TABLE "usage_rollup" (
    "org_id" TEXT NOT NULL,
    "bucket" TIMESTAMPTZ(3) NOT NULL,
    "dims" UUID NOT NULL,
    "node" TEXT NOT NULL,
    "app_id" TEXT NOT NULL,
    "key_id" TEXT NOT NULL,
    "member_id" TEXT,
    "model_id" TEXT NOT NULL,
    "provider" TEXT,
    "credential_id" TEXT,
    "endpoint" TEXT NOT NULL,
    "status" TEXT NOT NULL,
    "calls" BIGINT NOT NULL DEFAULT 0,
    "input_tokens" BIGINT NOT NULL DEFAULT 0,
    "cache_read_tokens" BIGINT NOT NULL DEFAULT 0,
    "cache_write_tokens" BIGINT NOT NULL DEFAULT 0,
    "cache_write_1h_tokens" BIGINT NOT NULL DEFAULT 0,
    "audio_input_tokens" BIGINT NOT NULL DEFAULT 0,
    "image_input_tokens" BIGINT NOT NULL DEFAULT 0,
    "video_input_tokens" BIGINT NOT NULL DEFAULT 0,
    "output_tokens" BIGINT NOT NULL DEFAULT 0,
    "reasoning_tokens" BIGINT NOT NULL DEFAULT 0,
    "audio_output_tokens" BIGINT NOT NULL DEFAULT 0,
    "image_output_tokens" BIGINT NOT NULL DEFAULT 0,
    "images" BIGINT NOT NULL DEFAULT 0,
    "milliseconds" BIGINT NOT NULL DEFAULT 0,
    "characters" BIGINT NOT NULL DEFAULT 0,
    "price_paid" BIGINT NOT NULL DEFAULT 0,
    "price_promo" BIGINT NOT NULL DEFAULT 0,
    "cost" BIGINT NOT NULL DEFAULT 0,
    "waste" BIGINT NOT NULL DEFAULT 0,
    "unpriced" BIGINT NOT NULL DEFAULT 0,
    "latency_histogram" BIGINT[],
    "first_token_histogram" BIGINT[],

    CONSTRAINT "usage_rollup_pkey" PRIMARY KEY ("org_id","bucket","dims","node")
) WITH (fillfactor = 70);

-- CreateTable
CREATE TABLE "refusal_rollup" (
    "org_id" TEXT NOT NULL,
    "bucket" TIMESTAMPTZ(3) NOT NULL,
    "key_id" TEXT NOT NULL,
    "model_id" TEXT NOT NULL,
    "rule" TEXT NOT NULL,
    "node" TEXT NOT NULL,
    "calls" BIGINT NOT NULL DEFAULT 0,

    CONSTRAINT "refusal_rollup_pkey" PRIMARY KEY ("org_id","bucket","key_id","model_id","rule","node")
) WITH (fillfactor = 70);

-- CreateTable
CREATE TABLE "refusal" (
    "id" TEXT NOT NULL,
    "org_id" TEXT NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL DEFAULT clock_timestamp(),
    "app_id" TEXT NOT NULL,
    "key_id" TEXT NOT NULL,
    "member_id" TEXT,
    "model_id" TEXT NOT NULL,
    "endpoint" TEXT NOT NULL,
    "dialect" TEXT NOT NULL,
    "stream" BOOLEAN NOT NULL,
    "http_status" INTEGER NOT NULL,
    "rule" TEXT NOT NULL,

    CONSTRAINT "refusal_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "audit_event_org_id_at_idx" ON "audit_event"("org_id", "at");

-- CreateIndex
CREATE INDEX "audit_event_at_idx" ON "audit_event"("at");

-- CreateIndex
CREATE UNIQUE INDEX "user_email_key" ON "user"("email");

-- CreateIndex
CREATE INDEX "oauth_account_user_id_idx" ON "oauth_account"("user_id");

-- CreateIndex
CREATE UNIQUE INDEX "auth_session_sid_hash_key" ON "auth_session"("sid_hash");

-- CreateIndex
CREATE INDEX "auth_session_user_id_idx" ON "auth_session"("user_id");

-- CreateIndex
CREATE INDEX "account_org_id_idx" ON "account"("org_id");

-- CreateIndex
CREATE INDEX "credit_lot_org_id_priority_expires_at_created_at_idx" ON "credit_lot"("org_id", "priority", "expires_at", "created_at");

-- CreateIndex
CREATE INDEX "lot_draw_journal_id_idx" ON "lot_draw"("journal_id");

-- CreateIndex
CREATE INDEX "lot_draw_lot_id_idx" ON "lot_draw"("lot_id");

-- CreateIndex
CREATE INDEX "hold_closed_at_idx" ON "hold" USING BRIN ("closed_at");

-- CreateIndex
CREATE INDEX "journal_org_id_at_idx" ON "journal"("org_id", "at");

-- CreateIndex
CREATE UNIQUE INDEX "journal_kind_ref_key" ON "journal"("kind", "ref");

-- CreateIndex
CREATE INDEX "entry_journal_id_idx" ON "entry"("journal_id");

-- CreateIndex
CREATE INDEX "entry_account_id_idx" ON "entry"("account_id");

-- CreateIndex
CREATE UNIQUE INDEX "provider_slug_key" ON "provider"("slug");

-- CreateIndex
CREATE UNIQUE INDEX "credential_provider_id_name_key" ON "credential"("provider_id", "name");

-- CreateIndex
CREATE INDEX "provider_probe_created_at_idx" ON "provider_probe"("created_at");

-- CreateIndex
CREATE INDEX "model_alias_model_id_idx" ON "model_alias"("model_id");

-- CreateIndex
CREATE UNIQUE INDEX "offer_model_id_provider_id_upstream_model_key" ON "offer"("model_id", "provider_id", "upstream_model");

-- CreateIndex
CREATE INDEX "price_version_subject_subject_id_org_id_effective_from_idx" ON "price_version"("subject", "subject_id", "org_id", "effective_from");

-- CreateIndex
CREATE UNIQUE INDEX "api_key_hash_key" ON "api_key"("hash");

-- CreateIndex
CREATE INDEX "api_key_org_id_created_at_idx" ON "api_key"("org_id", "created_at");

-- CreateIndex
CREATE UNIQUE INDEX "management_key_hash_key" ON "management_key"("hash");

-- CreateIndex
CREATE INDEX "admin_idempotency_created_at_idx" ON "admin_idempotency"("created_at");

-- CreateIndex
CREATE UNIQUE INDEX "org_slug_key" ON "org"("slug");

-- CreateIndex
CREATE INDEX "member_user_id_idx" ON "member"("user_id");

-- CreateIndex
CREATE UNIQUE INDEX "member_org_id_user_id_key" ON "member"("org_id", "user_id");

-- CreateIndex
CREATE UNIQUE INDEX "app_org_id_name_key" ON "app"("org_id", "name");

-- CreateIndex
CREATE INDEX "usage_event_org_id_at_idx" ON "usage_event"("org_id", "at");

-- CreateIndex
CREATE INDEX "usage_event_org_id_key_id_at_idx" ON "usage_event"("org_id", "key_id", "at");

-- CreateIndex
CREATE INDEX "usage_event_org_id_upstream_id_idx" ON "usage_event"("org_id", "upstream_id");

-- CreateIndex
CREATE INDEX "usage_event_at_idx" ON "usage_event" USING BRIN ("at");

-- CreateIndex
CREATE INDEX "usage_rollup_bucket_idx" ON "usage_rollup"("bucket");

-- CreateIndex
CREATE INDEX "refusal_org_id_at_idx" ON "refusal"("org_id", "at");

-- CreateIndex
CREATE INDEX "refusal_at_idx" ON "refusal"("at");

-- AddForeignKey
ALTER TABLE "oauth_account" ADD CONSTRAINT "oauth_account_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "user"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "auth_session" ADD CONSTRAINT "auth_session_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "user"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "staff" ADD CONSTRAINT "staff_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "user"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "credential" ADD CONSTRAINT "credential_provider_id_fkey" FOREIGN KEY ("provider_id") REFERENCES "provider"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "model_alias" ADD CONSTRAINT "model_alias_model_id_fkey" FOREIGN KEY ("model_id") REFERENCES "model"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "offer" ADD CONSTRAINT "offer_model_id_fkey" FOREIGN KEY ("model_id") REFERENCES "model"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "offer" ADD CONSTRAINT "offer_provider_id_fkey" FOREIGN KEY ("provider_id") REFERENCES "provider"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "api_key" ADD CONSTRAINT "api_key_org_id_fkey" FOREIGN KEY ("org_id") REFERENCES "org"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "api_key" ADD CONSTRAINT "api_key_app_id_fkey" FOREIGN KEY ("app_id") REFERENCES "app"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "member" ADD CONSTRAINT "member_org_id_fkey" FOREIGN KEY ("org_id") REFERENCES "org"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "member" ADD CONSTRAINT "member_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "user"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "app" ADD CONSTRAINT "app_org_id_fkey" FOREIGN KEY ("org_id") REFERENCES "org"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- By hand -------------------------------------------------------------------------------------------------------------

-- Money and states that must never be, whoever writes.
ALTER TABLE "wallet"
  ADD CONSTRAINT "wallet_held_check" CHECK ("held" >= 0),
  ADD CONSTRAINT "wallet_restricted_check" CHECK ("restricted" >= 0),
  ADD CONSTRAINT "wallet_status_check" CHECK ("status" IN ('active', 'frozen', 'closed')),
  ADD CONSTRAINT "wallet_freeze_reason_check" CHECK (("status" = 'frozen') = ("freeze_reason" IS NOT NULL) AND "freeze_reason" IN ('negative', 'dispute', 'fraud', 'admin'));
ALTER TABLE "limit_state"
  ADD CONSTRAINT "limit_state_scope_check" CHECK ("scope" IN ('org', 'app', 'member', 'key')),
  ADD CONSTRAINT "limit_state_period_check" CHECK ("period" IN ('day', 'week', 'month', 'total', 'rate')),
  ADD CONSTRAINT "limit_state_held_check" CHECK ("held" >= 0 AND "inflight" >= 0),
  ADD CONSTRAINT "limit_state_limits_check" CHECK ("budget" >= 0 AND "max_concurrency" >= 0 AND "rpm" >= 0 AND "tpm" >= 0);
ALTER TABLE "limit_slot"
  ADD CONSTRAINT "limit_slot_slot_check" CHECK ("slot" BETWEEN 0 AND 63);
ALTER TABLE "credit_lot"
  ADD CONSTRAINT "credit_lot_source_check" CHECK ("source" IN ('paid', 'comp', 'promo')),
  ADD CONSTRAINT "credit_lot_remaining_check" CHECK ("remaining" BETWEEN 0 AND "amount");
ALTER TABLE "lot_draw"
  ADD CONSTRAINT "lot_draw_amount_check" CHECK ("amount" <> 0);
ALTER TABLE "hold"
  ADD CONSTRAINT "hold_state_check" CHECK ("state" IN ('open', 'captured', 'voided', 'expired')),
  ADD CONSTRAINT "hold_closed_at_check" CHECK (("state" = 'open') = ("closed_at" IS NULL)),
  ADD CONSTRAINT "hold_amounts_check" CHECK ("amount" >= 0 AND "accrued" >= 0 AND "units" >= 0);
ALTER TABLE "entry"
  ADD CONSTRAINT "entry_amount_check" CHECK ("amount" <> 0);
ALTER TABLE "usage_event"
  ADD CONSTRAINT "usage_event_kind_check" CHECK ("kind" IN ('call', 'adjust')),
  ADD CONSTRAINT "usage_event_outcome_check" CHECK ("outcome" IN ('ok', 'client_gone', 'upstream_error', 'cut', 'timeout', 'crashed', 'internal_error')),
  ADD CONSTRAINT "usage_event_usage_source_check" CHECK ("usage_source" IN ('reported', 'estimated', 'unknown'));
ALTER TABLE "price_version"
  ADD CONSTRAINT "price_version_subject_check" CHECK ("subject" IN ('model', 'offer')),
  ADD CONSTRAINT "price_version_factor_bp_check" CHECK ("factor_bp" >= 0);
ALTER TABLE "org"
  ADD CONSTRAINT "org_status_check" CHECK ("status" IN ('active', 'suspended'));
ALTER TABLE "api_key"
  ADD CONSTRAINT "api_key_status_check" CHECK ("status" IN ('active', 'disabled', 'revoked'));
ALTER TABLE "config_version"
  ADD CONSTRAINT "config_version_one_row_check" CHECK ("id" = 1);
INSERT INTO "config_version" ("id", "version") VALUES (1, 0);

-- Open holds are few among many closed ones; each of these stays small.
CREATE INDEX "hold_open_org_id_idx" ON "hold" ("org_id") WHERE "state" = 'open';
CREATE INDEX "hold_open_expires_at_idx" ON "hold" ("expires_at") WHERE "state" = 'open';
CREATE INDEX "hold_open_node_idx" ON "hold" ("node", "epoch") WHERE "state" = 'open';
CREATE INDEX "credit_lot_live_idx" ON "credit_lot" ("org_id") WHERE "remaining" > 0;

-- The current month and three ahead always exist; the DEFAULT partition only catches what a wrong clock would lose.
CREATE TABLE "usage_event_default" PARTITION OF "usage_event" DEFAULT;

CREATE FUNCTION ensure_partitions() RETURNS text[]
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp SET lock_timeout = '2s' AS $$
-- Attaching scans the empty DEFAULT partition under its lock and takes SHARE UPDATE EXCLUSIVE on the parent, which
-- neither readers nor writers wait for.
DECLARE
  month timestamptz := date_trunc('month', clock_timestamp(), 'UTC');
  name text;
  following timestamptz;
  made text[] := '{}';
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('ensure_partitions', 0));
  FOR step IN 0..3 LOOP
    following := (month AT TIME ZONE 'UTC' + interval '1 month') AT TIME ZONE 'UTC';
    name := 'usage_event_' || to_char(month AT TIME ZONE 'UTC', 'YYYY_MM');
    IF to_regclass(name) IS NULL THEN
      EXECUTE format('CREATE TABLE %I (LIKE usage_event INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING STORAGE)', name);
      EXECUTE format('ALTER TABLE usage_event ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', name, month, following);
      made := made || name;
    END IF;
    month := following;
  END LOOP;
  RETURN made;
END $$;
SELECT ensure_partitions();
