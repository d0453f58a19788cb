import type { Plan, Scenario } from "./scenario.ts";

/** Results of tools, as the wires write them. */
const RESULT = /"role":\s*"tool"|"type":\s*"(tool_result|function_call_output)"|"(toolResult|functionResponse)":/;

/** The turn of an agent: it calls the tool `tool` with the JSON `args` (in base64url) until a result is in the conversation,
 *  and then answers in words. */
export function agentTurn({ options }: Scenario, bodyText: string): Partial<Plan> {
  if (RESULT.test(bodyText)) return {};
  const input = Buffer.from(options.args ?? "", "base64url").toString("utf8");
  const tool = { name: options.tool ?? "get_weather", fragments: input === "" ? [] : [input] };
  return { tools: [tool], text: [], finish: "tool_calls" };
}
