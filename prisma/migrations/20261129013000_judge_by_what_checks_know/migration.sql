-- A check that could ask nothing says nothing: its provider is unknown, not up. Replaces a function only.
SET lock_timeout = '5s';

-- What pages and the worker judge services by. A route is an enabled offer with a credential; kinds that need none have one without.
CREATE OR REPLACE FUNCTION services_now() RETURNS json
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
WITH live AS (
  SELECT offer.id AS offer, offer.model_id AS model, offer.provider_id AS provider, provider.kind
  FROM offer JOIN model ON model.id = offer.model_id AND model.enabled JOIN provider ON provider.id = offer.provider_id AND provider.enabled
  WHERE offer.enabled
), route AS (
  SELECT live.provider, live.model, live.offer,
    CASE WHEN credential.id IS NULL THEN live.kind IN ('sandbox', 'ollama') ELSE credential.enabled AND credential.status = 'active' END AS usable,
    coalesce(breaker.openings > 0, false) AS open
  FROM live LEFT JOIN credential ON credential.provider_id = live.provider
  LEFT JOIN breaker ON breaker.target = live.offer || '/' || coalesce(credential.id, '')
)
SELECT json_build_object(
  'services', (SELECT json_agg(json_build_object('subject', subject, 'id', id, 'name', name) ORDER BY subject DESC, name, id) FROM (
    SELECT 'provider' AS subject, id, display_name AS name FROM provider WHERE id IN (SELECT provider FROM live)
    UNION ALL SELECT 'model', id, coalesce(display_name, id) FROM model WHERE id IN (SELECT model FROM live)) s),
  'routes', (SELECT json_agg(route) FROM route),
  'recent', (SELECT json_agg(r) FROM (
    SELECT offer_id AS offer, coalesce(sum(ok) FILTER (WHERE late), 0) AS ok, coalesce(sum(failed) FILTER (WHERE late), 0) AS failed,
      coalesce(sum(served) FILTER (WHERE late), 0) AS served, coalesce(sum(unserved) FILTER (WHERE late), 0) AS unserved,
      sum(ok) AS "hourOk", sum(served) AS "hourServed"
    FROM route_minute CROSS JOIN LATERAL (SELECT minute > clock_timestamp() - interval '5 minutes' AS late) l
    WHERE minute > clock_timestamp() - interval '1 hour' GROUP BY 1) r),
  'checks', (SELECT json_agg(c) FROM (
    SELECT DISTINCT ON (provider_id) provider_id AS provider, ok OR failure_class IS NULL OR failure_class IN ('auth', 'rate_limited') AS ok
    FROM provider_probe WHERE state = 'done' AND failure_class IS DISTINCT FROM 'unverified' AND finished_at > clock_timestamp() - interval '30 minutes'
    ORDER BY provider_id, finished_at DESC) c)
)
$$;
