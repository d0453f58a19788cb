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
