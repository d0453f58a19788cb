-- A comparison of what is served with public catalogues, reviewed by a person, applied, and perhaps undone.
CREATE TABLE catalog_sync (
  id text PRIMARY KEY,
  state text NOT NULL DEFAULT 'ready' CHECK (state IN ('ready', 'applied', 'undone')),
  sources jsonb NOT NULL,
  counts jsonb NOT NULL,
  rows jsonb NOT NULL,
  created_by text NOT NULL,
  created_at timestamptz(3) NOT NULL DEFAULT clock_timestamp(),
  applied_at timestamptz(3),
  effective_from timestamptz(3),
  written jsonb,
  result jsonb,
  undone_at timestamptz(3),
  undo_result jsonb,
  CHECK ((state = 'ready') = (applied_at IS NULL)),
  CHECK ((state = 'undone') = (undone_at IS NOT NULL))
);
