// What the scripts of this directory share: cases, and the wire to the Java test that runs them.
//
// A script is given the server's address as its argument. It prints one line of JSON for each case,
// {"case", "error"? | "skipped"?}, and for each thing that only its parent can do, {"do"}; the parent answers a
// "do" with a line that holds the server's address, which changes when the server starts anew.

import { createInterface } from 'node:readline';
import assert from 'node:assert/strict';

export let base = process.argv[2];

const answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const cases = [];

/** Has the parent do something to the server, and waits until it is done. */
export async function ask(what) {
  process.stdout.write(JSON.stringify({ do: what }) + '\n');
  base = (await answers.next()).value;
}

export function test(name, run) {
  cases.push([{ name, run }]);
}

/**
 * The same case for several clients, at the same time.
 *
 * @param run is given `together`, which waits until all have come there, or failed; then `act` is done, once
 */
export function forEach(clients, name, run, act = async () => {}) {
  let missing = clients.length;
  let open;
  const opened = new Promise(resolve => {
    open = resolve;
  }).then(act);
  opened.catch(() => {});
  cases.push(
    clients.map(client => {
      let here = false;
      const arrive = () => {
        if (!here && --missing === 0) open();
        here = true;
      };
      const together = () => {
        arrive();
        return opened;
      };
      return { name: `${name}: ${client.name}`, run: () => run(client, together).finally(arrive) };
    }),
  );
}

/** Says why no case of this script is run. */
export function skip(name, why) {
  process.stdout.write(JSON.stringify({ case: name, skipped: why }) + '\n');
  process.exit(0);
}

async function runCase({ name, run }) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error('not over after 2 minutes')), 120_000);
  });
  let error;
  const started = Date.now();
  try {
    await Promise.race([run(), late]);
  } catch (e) {
    error = String(e?.stack ?? e);
  } finally {
    clearTimeout(timer);
  }
  const millis = Date.now() - started;
  process.stdout.write(JSON.stringify({ case: name, millis, error }) + '\n');
}

/**
 * Runs the cases one after the other; each has a deadline, only so that a broken one ends.
 *
 * @param afterwards what else is to be done before the process ends
 */
export async function main(afterwards = async () => {}) {
  const only = process.env.CASE ?? '';
  for (const group of cases.filter(each => each.some(({ name }) => name.includes(only)))) {
    await Promise.all(group.map(runCase));
  }
  await afterwards();
  process.exit(0);
}

/** Waits for a condition. */
export async function until(what, condition) {
  const deadline = Date.now() + 60_000;
  for (;;) {
    const value = await condition();
    if (value) return value;
    assert.ok(Date.now() < deadline, `waited in vain for ${what}`);
    await new Promise(resolve => setTimeout(resolve, 10));
  }
}

/** A request to the native API, which must succeed. */
export async function api(method, path, body, headers = {}) {
  const response = await fetch(base + path, {
    method,
    headers: body === undefined ? headers : { ...headers, 'content-type': 'application/json' },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const text = await response.text();
  assert.ok(response.ok, `${method} ${path}: ${response.status} ${text}`);
  return text === '' ? undefined : JSON.parse(text);
}

/** The stored text of the replies of a session, oldest first. */
export async function storedReplies(session) {
  const page = await api('GET', `/v1/sessions/${session}/messages?limit=200`);
  return page.items
    .filter(message => message.role === 'assistant')
    .reverse()
    .map(message => ({
      ...message,
      text: message.parts.filter(p => p.type === 'text').map(p => p.text).join(''),
    }));
}

/** That many different words. */
export const words = count => Array.from({ length: count }, (_, i) => `w${i}`).join(' ');

/** A prompt to which the scripted provider answers with this text, word by word. */
export const say = (text, millisPerWord, ...commands) =>
  [`/pace ${millisPerWord}ms`, ...commands, `/echo ${text}`].join('\n');

/** The transform that lets this many chunks pass and then breaks as a lost network does, or as `end` says. */
export function cutAfter(
  chunks,
  frameEnd = '\n\n',
  end = controller => controller.error(new TypeError('network error')),
) {
  let left = chunks;
  const decoder = new TextDecoder();
  const encoder = new TextEncoder();
  return new TransformStream({
    transform(bytes, controller) {
      for (const frame of decoder.decode(bytes, { stream: true }).split(new RegExp(`(?<=${frameEnd})`))) {
        if (left === 0) {
          end(controller);
          return;
        }
        controller.enqueue(encoder.encode(frame));
        if (frame.endsWith(frameEnd)) left--;
      }
      if (left === 0) end(controller);
    },
  });
}
