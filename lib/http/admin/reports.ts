import { z } from "zod";
import { listAuditEvents } from "@/lib/audit/admin-audit";
import { auditEventOut, auditFilter } from "@/lib/audit/schema";
import { listViolations } from "@/lib/billing/admin-ledger";
import { violationOut } from "@/lib/billing/schema";
import { endpoint, listOf } from "@/lib/http/admin-api";
import { readSettings, updateSettings } from "@/lib/settings/admin-settings";
import { settingsOut, settingsPatch } from "@/lib/settings/schema";
import { listProviderBills, recordProviderBill } from "@/lib/usage/admin-provider-bills";
import { getReceipt, listRequests } from "@/lib/usage/admin-requests";
import { listRerates } from "@/lib/usage/admin-rerates";
import { sumUsage } from "@/lib/usage/admin-usage";
import {
  providerBillInput,
  providerBillOut,
  receiptOut,
  requestOut,
  requestQuery,
  rerateOut,
  usageQuery,
  usageRowOut,
} from "@/lib/usage/schema";

export const usageList = endpoint({
  method: "GET",
  path: "/usage",
  summary: "Sum usage by any dimensions",
  permission: "usage.read",
  query: usageQuery,
  response: listOf(usageRowOut),
  run: (scope, { query }) => sumUsage(scope, query),
});

export const requestList = endpoint({
  method: "GET",
  path: "/requests",
  summary: "List calls, refused ones included, newest first",
  permission: "usage.read",
  query: requestQuery,
  response: listOf(requestOut),
  run: (scope, { query }) => listRequests(scope, query),
});

export const requestGet = endpoint({
  method: "GET",
  path: "/requests/{id}",
  summary: "Read one call with its attempts and the arithmetic of its price",
  permission: "usage.read",
  params: z.strictObject({ id: z.string() }),
  response: receiptOut,
  run: (scope, { params }) => getReceipt(scope, params.id),
});

export const violationList = endpoint({
  method: "GET",
  path: "/ledger/violations",
  summary: "Check the books; an empty list means that they balance",
  permission: "ledger.read",
  response: z.object({ violations: z.array(violationOut) }),
  run: async (scope) => ({ violations: await listViolations(scope) }),
});

export const rerateList = endpoint({
  method: "GET",
  path: "/ledger/rerates",
  summary: "Read what pricing stored calls again has found, newest run first",
  permission: "ledger.read",
  response: z.object({ rerates: z.array(rerateOut) }),
  run: async (scope) => ({ rerates: await listRerates(scope) }),
});

export const providerBillList = endpoint({
  method: "GET",
  path: "/ledger/provider-bills",
  summary: "Read what providers billed beside what was counted, newest day first",
  permission: "ledger.read",
  response: z.object({ bills: z.array(providerBillOut) }),
  run: async (scope) => ({ bills: await listProviderBills(scope) }),
});

export const providerBillPut = endpoint({
  method: "PUT",
  path: "/ledger/provider-bills",
  summary: "Compare what a provider bills for a credential's calls of one day",
  permission: "providers.manage",
  body: providerBillInput,
  response: providerBillOut,
  run: (scope, { body }) => recordProviderBill(scope, body),
});

export const settingsGet = endpoint({
  method: "GET",
  path: "/settings",
  summary: "Read the settings",
  permission: "settings.read",
  response: settingsOut,
  run: (scope) => readSettings(scope),
});

export const settingsPut = endpoint({
  method: "PUT",
  path: "/settings",
  summary: "Merge into the settings",
  permission: "settings.manage",
  body: settingsPatch,
  response: settingsOut,
  run: (scope, { body }) => updateSettings(scope, body),
});

export const auditList = endpoint({
  method: "GET",
  path: "/audit",
  summary: "Read the audit log, newest first",
  permission: "audit.read",
  query: auditFilter,
  response: listOf(auditEventOut),
  run: (scope, { query }) => listAuditEvents(scope, query),
});
