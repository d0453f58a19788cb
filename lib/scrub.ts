/** Keys as providers and this hub write them. Longer than any word, so that prose stays whole. */
const KEY_SHAPES =
  /\b(?:sk|pk|rk|xai|gsk|r8|hf|ark|aigne_[a-z]{2})[-_][A-Za-z0-9_-]{12,}|\bAIza[\w-]{30,}|\b(?:AKIA|ASIA)[A-Z0-9]{12,}|\bBearer\s+\S{8,}/gi;
const MAX_CHARACTERS = 1_000;

/** Text that somebody else wrote, fit to be shown: without the secrets that were sent to them, which an error may echo, and
 *  without anything that looks like a key. Also bounded in length. */
export function scrub(text: string, secrets: Readonly<Record<string, string>> = {}): string {
  const sent = Object.values(secrets).filter((value) => value.length >= 6);
  const without = sent.reduce((rest, value) => rest.replaceAll(value, "…"), text);
  return without.replace(KEY_SHAPES, "…").slice(0, MAX_CHARACTERS);
}
