-- Rights of hub_gateway, hub_web and hub_worker. Applied by ensureRoles after the migrations on every start; safe to repeat.
-- No role may write a money table (wallet, hold, credit_lot, lot_draw, journal, entry, usage_event, attempt, rollups, limits):
-- that is done by SECURITY DEFINER functions, granted by name below.

-- PL/pgSQL statements must not pay for JIT compilation; a forgotten transaction must not hold locks.
ALTER ROLE hub_gateway SET jit = off;
ALTER ROLE hub_web SET jit = off;
ALTER ROLE hub_worker SET jit = off;
ALTER ROLE hub_gateway SET idle_in_transaction_session_timeout = '10s';
ALTER ROLE hub_web SET idle_in_transaction_session_timeout = '60s';
ALTER ROLE hub_worker SET idle_in_transaction_session_timeout = '60s';

REVOKE ALL ON ALL TABLES IN SCHEMA public FROM PUBLIC, hub_gateway, hub_web, hub_worker;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA public FROM PUBLIC, hub_gateway, hub_web, hub_worker;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA public FROM PUBLIC, hub_gateway, hub_web, hub_worker;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
ALTER DEFAULT PRIVILEGES IN SCHEMA public REVOKE ALL ON TABLES FROM PUBLIC;
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO hub_gateway, hub_web, hub_worker;

-- Gateway: configuration, keys, and the functions it calls. Usage and balances only through functions that ask for the organisation.
GRANT SELECT ON provider, credential, model, model_alias, offer, price_version, setting, config_version,
  org, app, api_key, management_key, node, breaker, credential_health, provider_probe TO hub_gateway;
GRANT SELECT, INSERT, UPDATE (last_at) ON key_use TO hub_gateway;

-- Web: reads everything (provider secrets only sealed: it lacks the key), writes configuration and accounts.
GRANT SELECT ON ALL TABLES IN SCHEMA public TO hub_web;
GRANT INSERT, UPDATE, DELETE ON "user", oauth_account, verification_token, auth_session, staff, org, member, app, api_key,
  rate_limit, invitation,
  management_key, admin_idempotency, provider, credential, provider_probe, probe_run, model, model_alias, offer, setting, connect_session TO hub_web;
GRANT INSERT, UPDATE ON catalog_sync, provider_bill TO hub_web;
GRANT INSERT ON price_version, audit_event TO hub_web;
GRANT USAGE ON SEQUENCE price_version_id_seq TO hub_web;
-- A purchase begins in web; what became of it is found out by the worker.
GRANT INSERT (id, org_id, actor_id, credit_nano, currency, amount_minor, package, locale, livemode, stripe_customer),
  UPDATE (stripe_session) ON topup TO hub_web;
GRANT INSERT ON stripe_event, stripe_customer TO hub_web;
GRANT INSERT, UPDATE ON auto_topup TO hub_web;
GRANT INSERT (org_id, is_low, low_nano, recipients), UPDATE (low_nano, recipients) ON balance_alert TO hub_web;
GRANT INSERT ON ledger_check, starter_grant TO hub_web;
GRANT USAGE ON SEQUENCE ledger_check_id_seq TO hub_web, hub_worker;

-- Worker: reads everything, probes credentials, tidies up.
GRANT SELECT ON ALL TABLES IN SCHEMA public TO hub_worker;
GRANT UPDATE (status, status_reason, refusal, last_tested_at, updated_at) ON credential TO hub_worker;
GRANT INSERT, UPDATE, DELETE ON provider_probe TO hub_worker;
GRANT INSERT, UPDATE ON credential_health, incident TO hub_worker;
GRANT DELETE ON connect_session, catalog_sync, admin_idempotency, idempotency, auth_session, verification_token, rate_limit, api_key, key_use TO hub_worker;
GRANT INSERT, UPDATE ON balance_alert, mail_check TO hub_worker;
GRANT UPDATE (status, status_reason) ON api_key TO hub_worker;
GRANT INSERT ON rerate_run TO hub_worker;
GRANT USAGE ON SEQUENCE rerate_run_id_seq TO hub_worker;
GRANT INSERT, UPDATE ON payment_card TO hub_worker;
GRANT INSERT, DELETE ON notice, ledger_check TO hub_worker;
GRANT INSERT ON audit_event, price_version, catalog_sync TO hub_worker;
GRANT USAGE ON SEQUENCE price_version_id_seq TO hub_worker;

-- Answers kept for a retry are the tenant's words: nobody reads them but the gateway, for whom asks again.
REVOKE SELECT ON idempotency FROM hub_web, hub_worker;
GRANT SELECT (expires_at) ON idempotency TO hub_worker;

-- Functions by name, whatever their arguments. A name that does not exist is an error, seen by the first test.
DO $$
DECLARE
  rights CONSTANT jsonb := '{
    "hub_gateway": ["authorize_batch", "checkpoint_batch", "settle_batch", "void_holds", "late_adjust", "log_refusals", "read_idempotency",
                    "node_boot", "node_heartbeat", "node_spool_replayed", "hub_now", "find_usage", "disable_credential", "breaker_set", "breaker_claim", "breaker_release",
                    "note_routes", "sync_credential_use", "latency_bounds",
                    "is_call_open", "key_summary", "credit_summary", "key_usage", "find_receipt"],
    "hub_web":     ["switch_mode", "grant_credit", "correct_balance", "write_off", "create_wallet", "set_limits", "change_default_cap", "freeze_wallet", "hub_now", "latency_bounds", "sum_histogram", "services_now", "queue_summary", "retry_failed_jobs",
                    "refundable", "request_refund", "decide_refund", "violations_since", "limit_scopes"],
    "hub_worker":  ["breaker_set", "breaker_claim", "breaker_release", "apply_payment", "sweep_holds", "expire_credit", "compensate_shutdowns", "ensure_partitions", "prune_holds", "prune_refusals", "node_boot", "node_heartbeat", "hub_now", "latency_bounds",
                    "note_check", "note_check_call", "prune_health", "disable_credential", "sum_histogram", "services_now",
                    "fail_refund", "heed_fraud_warning", "begin_auto_topups", "auto_topup_may_charge", "save_auto_topup_card", "post_stripe_transaction", "violations_since", "limit_scopes", "mark_balances"]
  }';
  role text;
  name text;
  target regprocedure;
BEGIN
  FOR role IN SELECT jsonb_object_keys(rights) LOOP
    FOR name IN SELECT jsonb_array_elements_text(rights -> role) LOOP
      SELECT oid::regprocedure INTO target FROM pg_proc WHERE proname = name AND pronamespace = 'public'::regnamespace;
      IF target IS NULL THEN RAISE EXCEPTION 'grants.sql names the function %, which does not exist', name; END IF;
      EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO %I', target, role);
    END LOOP;
  END LOOP;
END $$;

-- The job queue. Web may add jobs, through the queue's own functions running as their owner. The worker runs them.
GRANT USAGE ON SCHEMA graphile_worker TO hub_web, hub_worker;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA graphile_worker FROM PUBLIC;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA graphile_worker TO hub_worker;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA graphile_worker TO hub_worker;
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA graphile_worker TO hub_worker;
DO $$
DECLARE
  target regclass;
  adder regprocedure;
BEGIN
  FOR target IN SELECT oid FROM pg_class WHERE relnamespace = 'graphile_worker'::regnamespace AND relrowsecurity LOOP
    CONTINUE WHEN EXISTS (SELECT FROM pg_policy WHERE polrelid = target AND polname = 'hub_worker');
    EXECUTE format('CREATE POLICY hub_worker ON %s TO hub_worker USING (true) WITH CHECK (true)', target);
  END LOOP;
  FOR adder IN SELECT oid FROM pg_proc WHERE pronamespace = 'graphile_worker'::regnamespace AND proname IN ('add_job', 'add_jobs') LOOP
    EXECUTE format('ALTER FUNCTION %s SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp', adder);
    EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO hub_web', adder);
  END LOOP;
END $$;
