// Every published client that a chat can have, behind one face, for the cases that all of them must pass.
//
// open(id, messages) opens a chat as a page does, load(id) as one that is loaded again. A chat has
//   post(text, key), resume()  which end with the stream, or break with it
//   leave()                    as a tab that is closed
//   stopElsewhere()            as somebody else who stops the reply
//   text(), replies()          what is shown
//   network.cut                where to cut its next stream, in chunks; null for nowhere

import { fileURLToPath } from 'node:url';
import { Chat } from '@ai-sdk/react';
import { createDurableChatTransport } from '@durable-streams/aisdk-transport';
import { stream } from '@durable-streams/client';
import { DefaultChatTransport, WebSocketChatTransport } from 'ai';
import { EventSource } from 'eventsource';
import { build } from 'vite';
import { WebSocket } from 'ws';
import { api, base, cutAfter, storedReplies, until } from './harness.mjs';

export const MODEL = 'openai/fake';
let next = 0;
export const newId = () => `chat-${process.pid}-${next++}`;

/** The same place at the server as it is now: a restart gives it another port. */
const here = url => {
  const { pathname, search } = new URL(url, base);
  return new URL(pathname + search, base);
};

/** What this file does not have a hand in. */
const plainFetch = globalThis.fetch;

const streams = response => String(response.headers.get('content-type')).startsWith('text/event-stream');

/** Where the next stream is to be cut; the ones behind it are not. */
const takeCut = network => {
  const { cut } = network;
  network.cut = null;
  return cut;
};

const fetchOn = network => async (url, init) => {
  const response = await plainFetch(here(url), init);
  if (network.cut === null || !response.body || !streams(response)) return response;
  return new Response(response.body.pipeThrough(cutAfter(takeCut(network))), response);
};

/** A socket that breaks as a lost network does. */
const socketOn = network =>
  class extends WebSocket {
    #left = takeCut(network);

    set onmessage(handler) {
      super.onmessage = event => {
        if (this.#left !== 0) handler(event);
        if (this.#left !== null && --this.#left <= 0) this.terminate();
      };
    }
  };

const textOf = message => message.parts.filter(part => part.type === 'text').map(part => part.text).join('');

/** A chat as useChat runs it, on a transport. */
function sdk(name, transportOn) {
  const open = (id = newId(), messages = []) => {
    const network = { cut: null };
    const notices = [];
    const chat = new Chat({ id, messages, transport: transportOn(network), onData: part => notices.push(part) });
    const last = () => (chat.messages.at(-1)?.role === 'assistant' ? chat.messages.at(-1) : undefined);
    return {
      id,
      chat,
      network,
      notices,
      post: (text, key) =>
        chat.sendMessage(key === undefined ? { text } : { id: key, role: 'user', parts: [{ type: 'text', text }] }),
      resume: () => chat.resumeStream(),
      leave: () => chat.stop(),
      stopElsewhere: () => api('POST', `/api/chat/${id}/stop`, {}),
      broken: () => chat.status === 'error',
      over: () => chat.status === 'ready',
      text: () => (last() ? textOf(last()) : ''),
      replies: () => chat.messages.filter(message => message.role === 'assistant').length,
      stored: async () => {
        const [one] = await api('GET', `/api/chat/${id}/messages`);
        return storedReplies(one.metadata.session);
      },
    };
  };
  return { name, open, load: async id => open(id, await api('GET', `/api/chat/${id}/messages`)) };
}

/** A reader of the log, which shows the newest attempt. */
function reader(name, follow) {
  const turns = new Map();
  const open = (id = newId()) => {
    const network = { cut: null };
    const events = [];
    let life = new AbortController();
    let state = 'none';
    const turn = () => turns.get(id);
    const run = async () => {
      state = 'open';
      const seen = event => {
        // What came before a break may come again behind it.
        if (event.seq > (events.at(-1)?.seq ?? -1)) events.push(event);
      };
      await follow({ turn: turn().turn, network, after: events.at(-1)?.seq ?? -1, seen, signal: life.signal }).catch(
        () => {},
      );
      state = events.at(-1)?.type === 'turn.ended' ? 'over' : 'broken';
    };
    return {
      id,
      network,
      notices: [],
      post: async (text, key = newId()) => {
        const session = turns.get(id)?.session ?? (await api('POST', '/v1/sessions', {})).id;
        const body = { text, models: [MODEL] };
        const accepted = await api('POST', `/v1/sessions/${session}/turns`, body, { 'idempotency-key': key });
        turns.set(id, { session, turn: accepted.turn });
        await run();
      },
      resume: run,
      leave: async () => {
        life.abort();
        await until('the leave', () => state !== 'open');
        life = new AbortController();
      },
      stopElsewhere: () => api('POST', `/v1/turns/${turn().turn}/cancel`),
      broken: () => state === 'broken',
      over: () => state === 'over',
      text: () => {
        const last = events.findLast(event => event.type === 'attempt.started')?.attempt;
        return events
          .filter(event => event.type === 'part.delta' && event.attempt === last)
          .map(event => event.text)
          .join('');
      },
      replies: () => 1,
      stored: () => storedReplies(turn().session),
    };
  };
  return { name, open, load: async id => open(id) };
}

const durable = live =>
  reader(`@durable-streams/client, ${live}`, async ({ turn, network, after, seen, signal }) => {
    const response = await stream({
      url: new URL(`/streams/turns/${turn}`, base),
      live,
      json: true,
      warnOnHttp: false,
      offset: after < 0 ? '-1' : String(after).padStart(16, '0'),
      fetch: fetchOn(network),
      backoffOptions: { initialDelay: 10, maxDelay: 100, multiplier: 2, maxRetries: 2 },
      sseResilience: { backoffBaseDelay: 10, backoffMaxDelay: 100, maxShortConnections: 100, logWarnings: false },
      signal,
    });
    for await (const event of response.jsonStream()) seen(event);
  });

const eventSource = reader('EventSource', ({ turn, network, seen, signal }) => {
  const source = new EventSource(`${base}/v1/turns/${turn}/events`, { fetch: fetchOn(network) });
  return new Promise(resolve => {
    const end = () => {
      source.close();
      resolve();
    };
    signal.addEventListener('abort', end);
    source.onmessage = message => {
      const event = JSON.parse(message.data);
      seen(event);
      if (event.type === 'turn.ended') end();
    };
    source.onerror = () => {
      if (source.readyState === EventSource.CLOSED) resolve();
    };
  });
});

// As a package it is built by tsc; here its source is, beside the packages that it is tested with.
const outDir = fileURLToPath(new URL('node_modules/.perdure-client', import.meta.url));
await build({
  logLevel: 'error',
  configFile: false,
  build: {
    lib: {
      entry: fileURLToPath(new URL('../../client/src/ai-sdk/index.ts', import.meta.url)),
      formats: ['es'],
      fileName: () => 'index.mjs',
    },
    rolldownOptions: { external: ['ai'] },
    outDir,
    emptyOutDir: true,
  },
});
export const { PerdureChatTransport } = await import(`${outDir}/index.mjs`);

// The client of Durable Streams has a promise of its end, to which its transport for useChat does not listen.
process.on('unhandledRejection', reason => {
  if (!/^(terminated|network error|fetch failed)$/.test(reason?.message)) throw reason;
});

/** The transport of the durable streams reads with the fetch that there is. */
const reads = new Map();
globalThis.fetch = async (url, init) => {
  const network = reads.get(new URL(url).pathname);
  return network ? fetchOn(network)(url, init) : plainFetch(url, init);
};

export const CLIENTS = [
  sdk(
    'useChat',
    network => new DefaultChatTransport({ api: '/api/chat', fetch: fetchOn(network), body: { model: MODEL } }),
  ),
  sdk('useChat over WebSocket', network => {
    const options = { body: { model: MODEL }, webSocket: socketOn(network) };
    // One transport for each connection, as the address changes when the server starts anew.
    const made = new Map();
    const now = () => {
      if (!made.has(base)) made.set(base, new WebSocketChatTransport({ url: `${base}/api/chat`, ...options }));
      return made.get(base);
    };
    return {
      resumeStreamIsReplay: true,
      sendMessages: request => now().sendMessages(request),
      reconnectToStream: request => now().reconnectToStream(request),
    };
  }),
  sdk(
    'PerdureChatTransport',
    network =>
      new PerdureChatTransport({
        fetch: fetchOn(network),
        body: { model: MODEL },
        pause: () => new Promise(resolve => setTimeout(resolve, 20)),
      }),
  ),
  sdk('aisdk-transport of Durable Streams', network =>
    createDurableChatTransport({
      api: '/api/chat',
      headers: { prefer: 'respond-async' },
      fetchClient: async (url, init) => {
        const body = init.body && JSON.stringify({ model: MODEL, ...JSON.parse(init.body) });
        const response = await plainFetch(here(url), { ...init, body });
        const location = response.headers.get('location');
        if (location) reads.set(location, network);
        return response;
      },
    }),
  ),
  durable('sse'),
  durable('long-poll'),
  eventSource,
];
