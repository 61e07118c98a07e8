/** Small texts: times, numbers, names. */
const clock = new Intl.DateTimeFormat(undefined, { hour: 'numeric', minute: '2-digit' });
const day = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short' });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });
const seconds = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' });
const number = new Intl.NumberFormat();

const DAY = 86_400_000;

export function when(millis: number): string {
  return Date.now() - millis < DAY ? clock.format(millis) : day.format(millis);
}

/** The time of a moment that is not long ago. */
export const clockTime = (millis: number) => seconds.format(millis);
export const dayOf = (millis: number) => day.format(millis);
export const fullTime = (millis: number) => full.format(millis);
export const count = (value: number) => number.format(value);

export function duration(millis: number): string {
  if (millis < 1_000) {
    return `${Math.round(millis)} ms`;
  }
  if (millis < 60_000) {
    return `${(millis / 1_000).toFixed(millis < 10_000 ? 1 : 0)} s`;
  }
  const minutes = Math.round(millis / 60_000);
  return minutes < 120 ? `${minutes} min` : `${Math.round(minutes / 60)} h`;
}

/** The size of a file. */
export function bytes(size: number): string {
  if (size < 1_000) {
    return `${size} bytes`;
  }
  return size < 1_000_000
    ? `${count(Math.round(size / 1_000))} kB`
    : `${(size / 1_000_000).toFixed(1)} MB`;
}

/** A model's name without its provider. */
export const shortModel = (model: string) => model.slice(model.indexOf('/') + 1);

export const titleOf = (session: { title?: string }) => session.title ?? 'New chat';

/** Why something failed, in a few words for people. */
export function reasonText(reason: string): string {
  const texts: Record<string, string> = {
    rate_limited: 'the provider asked for a pause',
    overloaded: 'the provider was overloaded',
    server: 'the provider failed',
    connect: 'the provider could not be reached',
    first_token_timeout: 'the provider did not answer in time',
    idle_timeout: 'the provider fell silent',
    truncated: 'the answer was cut short',
    malformed: 'the answer was not understood',
    stream_error: 'the provider broke off',
    circuit_open: 'the model is resting after failures',
    fallback: 'another model has taken over',
    takeover: 'another server has taken over',
    retry: 'asked again',
    invalid_output: 'the answer did not have the form that was asked for',
  };
  return texts[reason] ?? reason.replaceAll('_', ' ');
}
