// A model server that speaks chat completions and fails when it is told to.
import { createServer } from 'node:http';

export async function provider() {
  const vendor = { fail: false };
  const server = createServer((request, response) => {
    request.resume();
    request.on('end', () => {
      if (vendor.fail) {
        response.writeHead(400, { 'content-type': 'application/json' });
        response.end('{"error":{"message":"This model is not available today.","type":"invalid_request_error"}}');
        return;
      }
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      const words = 'The second model answers, once it is asked again.'.split(/(?<= )/);
      const chunk = (delta, finish = null) =>
        `data: ${JSON.stringify({ id: 'x', object: 'chat.completion.chunk', choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`;
      response.write(chunk({ role: 'assistant', content: '' }));
      for (const word of words) {
        response.write(chunk({ content: word }));
      }
      response.write(chunk({}, 'stop'));
      response.end('data: [DONE]\n\n');
    });
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  vendor.url = `http://127.0.0.1:${server.address().port}/v1`;
  vendor.close = () => new Promise((resolve) => server.close(resolve));
  return vendor;
}
