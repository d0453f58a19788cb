import { z } from "zod";
import { cursor, instant, instantOut, pageLimit } from "@/lib/fields";

export const auditFilter = z.strictObject({
  orgId: z.string().optional(),
  actorId: z.string().optional(),
  action: z.string().optional(),
  target: z.string().optional(),
  from: instant.optional(),
  to: instant.optional(),
  limit: pageLimit(100, 1000),
  cursor,
});
export type AuditFilter = z.infer<typeof auditFilter>;

export const auditEventOut = z
  .object({
    id: z.string(),
    at: instantOut,
    actorType: z.enum(["user", "key", "staff", "system"]),
    actorId: z.string(),
    orgId: z.string().nullable(),
    action: z.string(),
    target: z.string(),
    before: z.unknown(),
    after: z.unknown(),
    ip: z.string().nullable(),
    requestId: z.string().nullable(),
    reason: z.string().nullable(),
    outcome: z.string(),
  })
  .meta({ id: "AuditEvent" });
export type AuditEventRow = z.infer<typeof auditEventOut>;
