-- A new table, two functions: nothing waits.
SET lock_timeout = '5s';

-- CreateTable
CREATE TABLE "check_day" (
    "offer_id" TEXT NOT NULL,
    "day" DATE NOT NULL,
    "calls" BIGINT NOT NULL,
    "input_tokens" BIGINT NOT NULL,
    "output_tokens" BIGINT NOT NULL,

    CONSTRAINT "check_day_pkey" PRIMARY KEY ("offer_id","day")
);

-- One call that a check made by an offer, and what it used.
CREATE OR REPLACE FUNCTION note_check_call(offer text, input_tokens bigint, output_tokens bigint) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  INSERT INTO check_day AS d (offer_id, day, calls, input_tokens, output_tokens)
  VALUES (note_check_call.offer, (hub_now() AT TIME ZONE 'UTC')::date, 1, note_check_call.input_tokens, note_check_call.output_tokens)
  ON CONFLICT (offer_id, day) DO UPDATE SET calls = d.calls + 1, input_tokens = d.input_tokens + excluded.input_tokens,
    output_tokens = d.output_tokens + excluded.output_tokens
$$;

-- Keeps the history of health bounded: minutes for two hours, days for 90, the last 50 checks of each credential for a week.
CREATE OR REPLACE FUNCTION prune_health() RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  DELETE FROM route_minute WHERE minute < hub_now() - interval '2 hours';
  DELETE FROM credential_use WHERE minute < floor(extract(epoch FROM hub_now()) / 60) - 2;
  DELETE FROM service_day WHERE day < (hub_now() AT TIME ZONE 'UTC')::date - 90;
  DELETE FROM check_day WHERE day < (hub_now() AT TIME ZONE 'UTC')::date - 90;
  DELETE FROM incident WHERE ended_at < hub_now() - interval '90 days';
  DELETE FROM provider_probe WHERE created_at < hub_now() - CASE kind WHEN 'list_models' THEN interval '1 day' ELSE interval '7 days' END;
  DELETE FROM provider_probe p USING (
    SELECT id, row_number() OVER (PARTITION BY provider_id, credential_id, kind ORDER BY created_at DESC) AS place FROM provider_probe
  ) q WHERE p.id = q.id AND q.place > 50;
END $$;
