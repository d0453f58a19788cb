import { z } from "zod";
import { FEATURES, MODALITIES } from "@/lib/catalog/capabilities";
import { modelId } from "@/lib/fields";
import { routeRow } from "@/lib/usage/route-record";

const NEEDS = [
  ...MODALITIES.map((name) => `input:${name}` as const),
  ...MODALITIES.map((name) => `output:${name}` as const),
  ...FEATURES,
] as const;
const providers = z.array(z.string().min(1).max(100)).max(50).optional();

/** Where would a call go? */
export const routeQuestion = z.strictObject({
  model: modelId,
  /** Whose lists of models hold; left out, nobody's. */
  orgId: z.string().max(100).optional(),
  /** What keeps a caller on one credential; left out, chance draws by weight. */
  affinity: z.string().min(1).max(500).optional(),
  needs: z.array(z.enum(NEEDS)).max(20).optional(),
  inputTokens: z.int().min(0).optional(),
  models: z.array(modelId).max(5).optional(),
  provider: z
    .strictObject({ order: providers, only: providers, ignore: providers, allow_fallbacks: z.boolean().optional() })
    .optional(),
});
export type RouteQuestion = z.infer<typeof routeQuestion>;

export const staffRouteRow = z
  .object({
    ...routeRow.shape,
    /** False: passed over, for the reason given. What rests is called last. */
    called: z.boolean(),
    credentialName: z.string().nullable(),
    priority: z.int().nullable(),
    weight: z.int().nullable(),
    credentialWeight: z.int().nullable(),
    /** By which the weight is multiplied: 1, 0.1 while it proves itself again, 0 while it rests. */
    health: z.number().nullable(),
  })
  .meta({ id: "StaffRouteRow" });
export type StaffRouteRow = z.infer<typeof staffRouteRow>;

export const staffRoute = z
  .object({
    /** The model that would be called first; null: none can be. */
    model: z.string().nullable(),
    order: z.enum(["affinity", "chance"]),
    candidates: z.array(staffRouteRow),
  })
  .meta({ id: "StaffRoute" });
export type StaffRoute = z.infer<typeof staffRoute>;
