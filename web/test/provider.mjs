// A model server that speaks chat completions. It says what `answers` holds for a question, else the
// question itself, in pieces of `size` characters every `pace` milliseconds, and of a question in `held` so
// many characters; behind its answer it cites the addresses in `cites`; the model 'flaky' fails while `fail` is set.
import { createServer } from 'node:http';

export async function provider() {
  const vendor = { fail: false, answers: {}, cites: {}, held: {}, size: 14, pace: 0 };
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (bytes) => {
      body += bytes;
    });
    request.on('end', () => {
      const asked = JSON.parse(body || '{}');
      if (asked.messages === undefined) {
        console.error('Not understood:', request.method, request.url, body.slice(0, 200));
        response.writeHead(404).end();
        return;
      }
      void answer(vendor, asked, response);
    });
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  vendor.url = `http://127.0.0.1:${server.address().port}/v1`;
  vendor.close = () => {
    server.closeAllConnections();
    server.close();
  };
  return vendor;
}

async function answer(vendor, { model, messages }, response) {
  if (vendor.fail && model === 'flaky') {
    response.writeHead(400, { 'content-type': 'application/json' });
    response.end(
      '{"error":{"message":"This model is not available today.","type":"invalid_request_error"}}',
    );
    return;
  }
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  const asked = messages.findLast((message) => message.role === 'user').content;
  const question = typeof asked === 'string' ? asked : asked.map((part) => part.text).join('');
  // The texts of files stand in front of it.
  const known = Object.keys(vendor.answers).find((each) => question.endsWith(each));
  const text = known === undefined ? question : vendor.answers[known];
  const send = (delta, finish = null, usage = undefined) =>
    response.write(
      `data: ${JSON.stringify({ id: 'x', object: 'chat.completion.chunk', choices: [{ index: 0, delta, finish_reason: finish }], usage })}\n\n`,
    );
  send({ role: 'assistant', content: '' });
  for (let at = 0; at < text.length && !response.closed; at += vendor.size) {
    while (at + vendor.size > vendor.held[question] && !response.closed) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    send({ content: text.slice(at, at + vendor.size) });
    if (vendor.pace > 0) {
      await new Promise((resolve) => setTimeout(resolve, vendor.pace));
    }
  }
  const cited = vendor.cites[question];
  if (cited !== undefined) {
    send({ annotations: cited.map((page) => ({ type: 'url_citation', url_citation: page })) });
  }
  const words = (said) => Math.ceil(said.length / 4);
  send({}, 'stop', { prompt_tokens: words(question), completion_tokens: words(text) });
  response.end('data: [DONE]\n\n');
}
