/** Double slashes collapse and one trailing slash goes, without a redirect: clients drop their credentials on those. The
 *  path is decoded, so that `models/openai%2Fgpt-5` and `models/openai/gpt-5` are the same. */
export function normalisePath(path: string): string {
  let normal = path.includes("//") ? path.replace(/\/{2,}/g, "/") : path;
  if (normal.length > 1 && normal.endsWith("/")) normal = normal.slice(0, -1);
  if (!normal.includes("%")) return normal;
  try {
    return decodeURIComponent(normal);
  } catch {
    return normal;
  }
}
