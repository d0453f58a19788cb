import { z } from "zod";
import { cidr, instant, instantOut, modelPattern, name, usd } from "@/lib/fields";
import { dailyCapOut, limitFields, limitFieldsOut } from "@/lib/orgs/schema";

const keyFields = {
  name,
  /** Name or id of the app it belongs to; a new name makes the app. */
  app: name.optional(),
  ...limitFields,
  /** At most this in one day (UTC), beside a budget of another period. null: no cap; absent from a new key: the instance's
   *  default (service mode). */
  dailyCapUsd: usd().nullable().optional(),
  /** Model names, patterns that end with `*`, or kinds such as `type:embedding`; empty: all. */
  allowedModels: z.array(modelPattern).max(1000).optional(),
  /** Addresses or CIDR ranges; empty: any. */
  allowedIps: z.array(cidr).max(1000).optional(),
  expiresAt: instant.nullable().optional(),
  note: z.string().trim().max(500, "must have at most 500 characters").optional(),
};

export const keyInput = z.strictObject(keyFields);
export type KeyInput = z.infer<typeof keyInput>;

/** From our own page: `form` is made when the dialog opens, so that sending it twice makes one key. */
export const newKeyInput = keyInput.extend({ form: z.uuid() });
export type NewKeyInput = KeyInput & { form?: string };

export const keyPatch = z
  .strictObject({
    ...keyFields,
    enabled: z.boolean(),
    /** The same as enabled. */
    status: z.enum(["active", "disabled"]),
  })
  .partial()
  .refine((patch) => patch.status === undefined || patch.enabled === undefined, {
    path: ["enabled"],
    message: "cannot be given together with status",
  });
export type KeyPatch = z.infer<typeof keyPatch>;

const keyOutFields = {
  id: z.string(),
  orgId: z.string(),
  name: z.string(),
  note: z.string(),
  appId: z.string(),
  app: z.string(),
  prefix: z.string(),
  last4: z.string(),
  status: z.enum(["active", "disabled", "revoked"]),
  enabled: z.boolean(),
  /** unusual_spend: the hub paused it; enabling resumes it. null: a person disabled it, or nobody. */
  statusReason: z.enum(["unusual_spend"]).nullable(),
  ...limitFieldsOut,
  ...dailyCapOut,
  allowedModels: z.array(z.string()),
  allowedIps: z.array(z.string()),
  expiresAt: instantOut.nullable(),
  createdAt: instantOut,
  revokedAt: instantOut.nullable(),
  /** Of a rotated key: the secret it had before, which opens until then. */
  previous: z.object({ last4: z.string(), expiresAt: instantOut }).nullable(),
};

export const keyOut = z.object(keyOutFields).meta({ id: "Key" });
export type KeyRow = z.infer<typeof keyOut>;

export const createdKeyOut = z
  .object({ ...keyOutFields, key: z.string().meta({ description: "The secret. It is shown this once." }) })
  .meta({ id: "CreatedKey" });
export type CreatedKey = z.infer<typeof createdKeyOut>;

const id = z.string().min(1).max(100);

export const keyRef = z.strictObject({ id });
export const keyEdit = z
  .strictObject({ id, ...keyFields })
  .partial()
  .required({ id: true });
export type KeyEdit = z.infer<typeof keyEdit>;
export const keysToggle = z.strictObject({ ids: z.array(id).min(1).max(500), enabled: z.boolean() });
export type KeysToggle = z.infer<typeof keysToggle>;

/** How long the old secret lives beside the new one. */
export const ROTATION_HOURS = [0, 1, 24, 168] as const;
export const rotateInput = z.strictObject({ id, overlapHours: z.literal(ROTATION_HOURS), form: z.uuid() });
export type RotateInput = Omit<z.infer<typeof rotateInput>, "form"> & { form?: string };
