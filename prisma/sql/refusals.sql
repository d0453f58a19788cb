-- Counts refused calls and keeps the latest, at most 10 a second for each key.
-- Item: {id, org, app, key, member?, model, endpoint, dialect, stream, http_status, rule}.
CREATE OR REPLACE FUNCTION log_refusals(items jsonb, node text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp SET enable_seqscan = off AS $$
#variable_conflict use_column
<<listing>>
DECLARE
  at timestamptz := hub_now();
BEGIN
  WITH item AS MATERIALIZED (
    SELECT i.*, row_number() OVER (PARTITION BY i.key ORDER BY i.ordinality) AS nth
    FROM ROWS FROM (jsonb_to_recordset(items) AS (id text, org text, app text, key text, member text, model text, endpoint text, dialect text,
      stream boolean, http_status int, rule text)) WITH ORDINALITY i
  ), listed AS (
    INSERT INTO refusal (id, org_id, at, app_id, key_id, member_id, model_id, endpoint, dialect, stream, http_status, rule)
    SELECT i.id, i.org, at, i.app, i.key, i.member, i.model, i.endpoint, i.dialect, coalesce(i.stream, false), i.http_status, i.rule
    FROM item i
    WHERE i.nth <= 10 - (SELECT count(*) FROM refusal f WHERE f.org_id = i.org AND f.at > listing.at - interval '1 second' AND f.key_id = i.key)
    ON CONFLICT (id) DO NOTHING
  )
  INSERT INTO refusal_rollup AS r (org_id, bucket, key_id, model_id, rule, node, calls)
  SELECT i.org, date_bin('15 minutes', at, 'epoch'), i.key, i.model, i.rule, log_refusals.node, count(*)
  FROM item i GROUP BY i.org, i.key, i.model, i.rule ORDER BY 1, 3, 4, 5
  ON CONFLICT (org_id, bucket, key_id, model_id, rule, node) DO UPDATE SET calls = r.calls + excluded.calls;
END $$;

-- Deletes listed refusals older than `age`, at most `batch` at a time; returns how many. The counts stay.
CREATE OR REPLACE FUNCTION prune_refusals(age interval DEFAULT '7 days', batch int DEFAULT 5000) RETURNS int
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  pruned int;
BEGIN
  DELETE FROM refusal WHERE id IN (SELECT f.id FROM refusal f WHERE f.at < hub_now() - age ORDER BY f.at LIMIT batch);
  GET DIAGNOSTICS pruned = ROW_COUNT;
  RETURN pruned;
END $$;
