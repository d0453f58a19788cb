export type SnippetId = "curl" | "python" | "node";

/** `changed` are the lines (from 0) in which a program written for OpenAI differs. */
export type Snippet = { id: SnippetId; name: string; code: string; changed: readonly number[] };

/** The first call, ready to run once `$AIGNE_API_KEY` is set. `baseUrl` ends in /api/v1. */
export function chatSnippets(call: { baseUrl: string; model: string }): Snippet[] {
  return [
    {
      id: "curl",
      name: "curl",
      changed: [0, 1],
      code: `curl ${call.baseUrl}/chat/completions \\
  -H "Authorization: Bearer $AIGNE_API_KEY" \\
  -H "Content-Type: application/json" \\
  -d '{ "model": "${call.model}",
        "messages": [{ "role": "user", "content": "Hello" }] }'`,
    },
    {
      id: "python",
      name: "Python",
      changed: [4, 5],
      code: `import os
from openai import OpenAI

client = OpenAI(
    base_url="${call.baseUrl}",
    api_key=os.environ["AIGNE_API_KEY"],
)
answer = client.chat.completions.create(
    model="${call.model}",
    messages=[{"role": "user", "content": "Hello"}],
)
print(answer.choices[0].message.content)`,
    },
    {
      id: "node",
      name: "Node.js",
      changed: [3, 4],
      code: `import OpenAI from "openai";

const client = new OpenAI({
  baseURL: "${call.baseUrl}",
  apiKey: process.env.AIGNE_API_KEY,
});
const answer = await client.chat.completions.create({
  model: "${call.model}",
  messages: [{ role: "user", content: "Hello" }],
});
console.log(answer.choices[0].message.content);`,
    },
  ];
}
