import type { ProviderDefinition } from "@/lib/gateway/providers/define";
import { embeddings } from "@/lib/gateway/units/embeddings";
import { imageEdits } from "@/lib/gateway/units/image-edits";
import { imageGenerations } from "@/lib/gateway/units/images";
import { moderations } from "@/lib/gateway/units/moderations";
import { rerank } from "@/lib/gateway/units/rerank";
import { speech } from "@/lib/gateway/units/speech";
import { transcriptions, translations } from "@/lib/gateway/units/transcriptions";
import type { Unit } from "@/lib/gateway/units/unit";

/** Every kind of call that is answered in one piece at /api/v1. */
export const UNITS: readonly Unit[] = [
  ...[embeddings, imageGenerations, imageEdits, transcriptions, translations],
  ...[speech, rerank, moderations],
];

/** Whether a provider serves any such call to models of a kind. */
export function servesType(definition: ProviderDefinition, modelType: string): boolean {
  return UNITS.some(
    (unit) =>
      unit.modelType === modelType && (definition.speaks[unit.id] !== undefined || unit.canTranslate(definition)),
  );
}
