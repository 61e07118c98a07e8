// The page examples/use-chat, and the same with other transports, each behind a server that cuts connections.

import assert from 'node:assert/strict';
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer, request } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';
import { base, cutAfter } from './harness.mjs';

const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css' };
const example = fileURLToPath(new URL('../../examples/use-chat', import.meta.url));
const own = fileURLToPath(new URL('../../client/src/ai-sdk/index.ts', import.meta.url));
const roots = [];

/** A copy of the example with the packages of this directory, whose versions are the same. */
export async function copy() {
  const pinned = JSON.parse(await readFile(new URL('package.json', import.meta.url))).dependencies;
  const { dependencies, devDependencies } = JSON.parse(await readFile(join(example, 'package.json')));
  for (const [name, version] of Object.entries({ ...dependencies, ...devDependencies })) {
    assert.equal(version, pinned[name], `${name} of the example`);
  }
  const root = await mkdtemp(join(tmpdir(), 'perdure-page-'));
  roots.push(root);
  await cp(example, root, { recursive: true, filter: path => !path.includes('node_modules') });
  await symlink(fileURLToPath(new URL('node_modules', import.meta.url)), join(root, 'node_modules'));
  return root;
}

export const removeCopies = () => Promise.all(roots.map(root => rm(root, { recursive: true })));

const replaced = (text, from, to) => {
  assert.ok(text.includes(from), from);
  return text.replace(from, to);
};

/** The page on another transport; it lends its sendMessage to the tests. */
async function pageWith(imports, transport) {
  const root = await copy();
  const main = join(root, 'src/main.jsx');
  let text = await readFile(main, 'utf8');
  text = replaced(text, 'transport: new DefaultChatTransport({ api: API })', 'transport');
  text = replaced(text, 'function App', `const transport = ${transport};\nfunction App`);
  text = replaced(text, 'const send = event', 'window.sendMessage = sendMessage;\n  const send = event');
  await writeFile(main, imports + text);
  await build({ root, logLevel: 'error', cacheDir: join(root, '.vite') });
  return join(root, 'dist');
}

/** Passes on the handshake of a WebSocket and so many messages of it, and then ends it. */
function passMessages(from, to, messages, end) {
  let left = messages;
  let bytes = Buffer.alloc(0);
  let at = 0;
  from.on('data', data => {
    bytes = Buffer.concat([bytes.subarray(at), data]);
    at = 0;
    if (bytes[0] === 'H'.charCodeAt(0)) at = bytes.indexOf('\r\n\r\n') + 4;
    while (at + 10 <= bytes.length || (at + 2 <= bytes.length && (bytes[at + 1] & 0x7f) < 126)) {
      const short = bytes[at + 1] & 0x7f;
      const [head, size] =
        short === 127
          ? [10, Number(bytes.readBigUInt64BE(at + 2))]
          : short === 126
            ? [4, bytes.readUInt16BE(at + 2)]
            : [2, short];
      if (at + head + size > bytes.length) break;
      if (bytes[at] === 0x81 && left-- === 0) {
        to.write(bytes.subarray(0, at));
        end();
        return;
      }
      at += head + size;
    }
    to.write(bytes.subarray(0, at));
  });
}

/** Serves a page, and passes on the rest as Vite's proxy does, cut where the next of `cuts` says. */
async function serve(name, dist) {
  const page = { name, cuts: [], sockets: new Set() };
  const site = createServer(async (from, to) => {
    if (from.url.startsWith('/api')) {
      const headers = { ...from.headers, host: new URL(base).host, origin: base };
      const on = request(base + from.url, { method: from.method, headers });
      on.on('response', answer => {
        to.writeHead(answer.statusCode, answer.headers);
        const streams = String(answer.headers['content-type']).startsWith('text/event-stream');
        const cut = streams ? page.cuts.shift() : undefined;
        if (cut === undefined) {
          answer.pipe(to);
        } else {
          pass(answer, to, cut);
        }
        answer.on('error', () => to.destroy());
      });
      on.on('error', () => to.destroy());
      to.on('close', () => on.destroy());
      from.pipe(on);
      return;
    }
    const path = from.url === '/' ? '/index.html' : from.url;
    const body = await readFile(join(dist, path)).catch(() => null);
    to.writeHead(body ? 200 : 404, { 'content-type': TYPES[extname(path)] ?? 'text/plain' });
    to.end(body ?? '');
  });
  site.on('upgrade', (from, socket, first) => {
    const { hostname, port } = new URL(base);
    const on = connect(Number(port), hostname);
    const end = () => {
      on.destroy();
      socket.destroy();
    };
    const headers = { ...from.headers, host: new URL(base).host, origin: base };
    on.write(`GET ${from.url} HTTP/1.1\r\n${Object.entries(headers).map(each => each.join(': ')).join('\r\n')}\r\n\r\n`);
    on.write(first);
    const cut = page.cuts.shift();
    if (cut === undefined) {
      on.pipe(socket);
    } else {
      passMessages(on, socket, cut, () => {
        socket.destroySoon();
        on.destroy();
      });
    }
    socket.pipe(on);
    for (const each of [on, socket]) each.on('error', end);
    on.on('close', () => socket.destroySoon());
    socket.on('close', () => on.destroy());
  });
  site.on('connection', socket => {
    page.sockets.add(socket);
    socket.on('close', () => page.sockets.delete(socket));
  });
  await new Promise(ready => site.listen(0, '127.0.0.1', ready));
  page.origin = `http://localhost:${site.address().port}`;
  return page;
}

async function pass(answer, to, cut) {
  const transform = cutAfter(cut);
  const writer = transform.writable.getWriter();
  answer.on('data', bytes => writer.write(bytes).catch(() => {}));
  answer.on('end', () => writer.close().catch(() => {}));
  try {
    for await (const bytes of transform.readable) to.write(bytes);
    to.end();
  } catch {
    // What was written arrives; its end does not.
    to.socket?.destroySoon();
  }
}

export const pages = await Promise.all([
  pageWith('', 'new DefaultChatTransport({ api: API })').then(dist => serve('useChat in Chromium', dist)),
  pageWith("import { WebSocketChatTransport } from 'ai';\n", 'new WebSocketChatTransport({ url: API })').then(dist =>
    serve('useChat over WebSocket in Chromium', dist),
  ),
  pageWith(`import { PerdureChatTransport } from '${own}';\n`, 'new PerdureChatTransport({ api: API })').then(dist =>
    serve('PerdureChatTransport in Chromium', dist),
  ),
]);
