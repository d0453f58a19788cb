import { z } from "zod";
import { readHealth } from "@/lib/health/admin-health";
import { cancelTestAll, startTestAll } from "@/lib/health/admin-runs";
import { healthOut } from "@/lib/health/schema";
import { endpoint } from "@/lib/http/admin-api";

export const healthGet = endpoint({
  method: "GET",
  path: "/health",
  summary: "Processes, database, queues, breakers, checks, and how providers and credentials do",
  permission: "providers.read",
  response: healthOut,
  run: (scope) => readHealth(scope),
});

export const testAllStart = endpoint({
  method: "POST",
  path: "/health/test-all",
  summary: "Test every credential in the background; `GET /health` tells how far it is",
  permission: "providers.manage",
  response: z.object({ id: z.string(), total: z.int() }),
  status: 201,
  run: (scope) => startTestAll(scope),
});

export const testAllCancel = endpoint({
  method: "DELETE",
  path: "/health/test-all",
  summary: "Cancel what is left of a test of all credentials",
  permission: "providers.manage",
  response: z.object({ cancelled: z.int() }),
  run: (scope) => cancelTestAll(scope),
});
