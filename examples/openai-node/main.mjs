// Asks through the official OpenAI client, leaves in mid-reply, and comes back for the rest.

import OpenAI from 'openai';

const openai = new OpenAI({
  baseURL: `${process.env.PERDURE_URL ?? 'http://127.0.0.1:8080'}/openai/v1`,
  apiKey: process.env.PERDURE_API_KEY ?? 'none',
});

const input = process.argv[2] ?? '/long 40';
const stream = await openai.responses.create({ input, background: true, stream: true });
let id;
let last;
for await (const event of stream) {
  last = event.sequence_number;
  if (event.type === 'response.created') id = event.response.id;
  if (event.type === 'response.output_text.delta') {
    process.stdout.write(event.delta);
    break; // The connection is closed. The reply goes on.
  }
}
console.log(` …\n[left at event ${last} of ${id}]`);

for await (const event of await openai.responses.retrieve(id, { stream: true, starting_after: last })) {
  if (event.type === 'response.output_text.delta') process.stdout.write(event.delta);
}
const response = await openai.responses.retrieve(id);
console.log(`\n[${response.status}, ${response.output_text.length} characters]`);
