const MESSAGE_MAX = 2_000

/** What a database or a pipeline said, fit to be kept and shown: no password of a URL or a statement, and not too long. */
export const withoutSecrets = (text: string): string =>
  text
    .replaceAll(/([a-z][a-z0-9+.-]*:\/\/[^\s:/@]*):[^\s@]*@/gi, '$1:***@')
    .replaceAll(/(\bpassword\b\s*[:=]?\s*)('(?:[^']|'')*'|"[^"]*"|[^\s,;)'"]+)/gi, (_, word: string) => `${word}***`)
    .slice(0, MESSAGE_MAX)
