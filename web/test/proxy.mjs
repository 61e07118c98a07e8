// What may stand between a browser and a server: a proxy that hands event streams on only once they have
// ended, as some company proxies and virus scanners do. Everything else passes.
import { createServer, request } from 'node:http';

export async function holdingProxy(target) {
  const { hostname, port } = new URL(target);
  const proxy = { streams: 0, polls: 0 };
  const server = createServer((from, to) => {
    const on = request(
      { hostname, port, method: from.method, path: from.url, headers: from.headers },
      (answer) => {
        const stream = answer.headers['content-type']?.startsWith('text/event-stream') === true;
        proxy.streams += stream ? 1 : 0;
        proxy.polls += /[?&]wait=/.test(from.url) ? 1 : 0;
        if (!stream) {
          to.writeHead(answer.statusCode, answer.headers);
          answer.pipe(to);
          return;
        }
        const held = [];
        answer.on('data', (bytes) => held.push(bytes));
        answer.on('end', () => {
          to.writeHead(answer.statusCode, answer.headers);
          to.end(Buffer.concat(held));
        });
        answer.on('error', () => to.destroy());
      },
    );
    on.on('error', () => to.destroy());
    to.on('close', () => on.destroy());
    from.pipe(on);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  proxy.url = `http://127.0.0.1:${server.address().port}`;
  proxy.close = () => {
    server.closeAllConnections();
    server.close();
  };
  return proxy;
}
