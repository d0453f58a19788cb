-- Rights of the application roles. Applied by ensureRoles on every start; safe to repeat.
SELECT 1;
