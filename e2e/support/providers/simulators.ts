import type { ProviderKindId } from "@/lib/catalog/provider-kinds";
import { startAnthropicSimulator } from "./anthropic.ts";
import { SIMULATED_KEY_PAIR, startBedrockSimulator } from "./bedrock.ts";
import { startGoogleSimulator } from "./google.ts";
import { startFamilySimulator } from "./openai.ts";
import type { Simulator, SimulatorOptions } from "./server.ts";

/** Kinds with an upstream; the sandbox has none. */
export type SimulatedKind = Exclude<ProviderKindId, "sandbox">;

/** The simulator of each kind's wire. */
export const SIMULATORS: Record<SimulatedKind, (options?: SimulatorOptions) => Promise<Simulator>> = {
  openai: (options) => startFamilySimulator("openai", options),
  anthropic: startAnthropicSimulator,
  google: startGoogleSimulator,
  bedrock: startBedrockSimulator,
  deepseek: (options) => startFamilySimulator("deepseek", options),
  xai: (options) => startFamilySimulator("xai", options),
  openrouter: (options) => startFamilySimulator("openrouter", options),
  ollama: (options) => startFamilySimulator("ollama", options),
  doubao: (options) => startFamilySimulator("doubao", options),
  poe: (options) => startFamilySimulator("poe", options),
  "openai-compatible": (options) => startFamilySimulator("openai", options),
};

/** A credential that the simulator of the kind accepts. */
export function simulatedSecret(kind: SimulatedKind): Record<string, string> {
  if (kind !== "bedrock") return { apiKey: "sk-simulated" };
  const { accessKeyId, secretAccessKey } = SIMULATED_KEY_PAIR;
  return { accessKeyId, secretAccessKey, region: "eu-central-1" };
}
