/** English words that are one o200k token each, alone at the start of a text and after a space (words.test.ts checks it),
 *  so that n words are exactly n output tokens and the number of tokens sent is known to the unit. */
const WORDS = (
  "amber anchor apple arrow bridge bright candle circle clear cloud delta early echo ember field fire forest fresh garden glass " +
  "grain green hill jade kind lake leaf light linen little mirror mist night north olive open orange paper path plain quiet rain " +
  "rapid ridge river road rose sage salt sand shadow silver sky small snow soft solar spring star still stone storm stream " +
  "summer sun table tower trail warm water wave west wild wind winter wood yellow"
).split(" ");

/** As WORDS, but of more than one byte per character, for streams that are cut inside a character. */
const WIDE_WORDS = ["世界", "日本", "中国", "это"];

/** `count` tokens of text, one per item; joined they read as words separated by single spaces. */
export function* words(count: number, wide = false): Generator<string> {
  const list = wide ? WIDE_WORDS : WORDS;
  for (let i = 0; i < count; i++) yield (i === 0 ? "" : " ") + (list[i % list.length] as string);
}

/** The simulators' own input tokenisation: three tokens per message and one per word, plus three for the answer's opening. */
export function countPromptTokens(messages: unknown[], system?: unknown): number {
  let tokens = 3;
  for (const message of messages) tokens += 3 + countWords((message as { content?: unknown } | null)?.content);
  return system === undefined ? tokens : tokens + countWords(system);
}

function countWords(content: unknown): number {
  if (typeof content === "string") return content.split(/\s+/).filter(Boolean).length;
  if (!Array.isArray(content)) return 0;
  return content.reduce((sum: number, part: { text?: unknown }) => sum + countWords(part?.text), 0);
}
