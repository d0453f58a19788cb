/** Where to go after signing in: a path of ours, else null. Whatever a browser might read as another host or scheme
 *  (`//x`, `/\x`, `https:x`, encoded forms of them, control characters) is refused. */
export function safeNextPath(value: string | null | undefined): string | null {
  if (!value || !/^\/(?![/\\])/.test(value) || !/^[!-[\]-~]+$/.test(value)) return null;
  if (/^\/(?:%2f|%5c)/i.test(value)) return null;
  const base = "http://hub.invalid";
  return URL.canParse(value, base) && new URL(value, base).origin === base ? value : null;
}
