/** Numbers and times in words that fit a narrow panel. */

const STEPS: [number, string][] = [
  [60, 's'],
  [60, 'min'],
  [24, 'h'],
  [7, 'd']
];

/** "12 s ago", "3 h ago", or the date where it is more than a month. */
export function ago(epochSeconds: number | null, nowSeconds = Date.now() / 1000): string {
  if (epochSeconds === null) {
    return 'never';
  }
  let value = Math.max(0, nowSeconds - epochSeconds);
  if (value > 30 * 86400) {
    return new Date(epochSeconds * 1000).toISOString().slice(0, 10);
  }
  for (const [size, unit] of STEPS) {
    if (value < size) {
      return `${Math.floor(value)} ${unit} ago`;
    }
    value /= size;
  }
  return `${Math.floor(value)} weeks ago`;
}

/** "0.35 s", "12.4 s", "3 min 5 s", "2 h 4 min". */
export function duration(seconds: number | null): string {
  if (seconds === null) {
    return '';
  }
  if (seconds < 60) {
    return `${seconds.toPrecision(seconds < 1 ? 2 : 3)} s`;
  }
  const minutes = Math.floor(seconds / 60);
  return minutes < 60
    ? `${minutes} min ${Math.round(seconds % 60)} s`
    : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** Thousands separated by thin spaces, as in 336 776. */
export function count(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+(?!\d))/g, '\u2009');
}

/** Only addresses that lead to a page or a mail; everything else becomes null. */
export function safeLink(url: string): string | null {
  const text = url.trim();
  if (/^(https?:|mailto:)/i.test(text)) {
    return text;
  }
  return /^[\w./?#&=%~-]+$/.test(text) && !text.startsWith('//') ? text : null;
}

/** A value of a preview as text: numbers short, nothing for null. */
export function shortValue(value: unknown): string {
  if (typeof value === 'number' && !Number.isInteger(value)) {
    return String(Number(value.toPrecision(6)));
  }
  return value === null || value === undefined ? '' : String(value);
}
