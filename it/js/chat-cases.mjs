// What every client that follows a reply must be spared, for all of them at once. The table of docs/doors/clients.md
// says which case is passed by whom.

import assert from 'node:assert/strict';
import { CLIENTS, newId } from './chat-clients.mjs';
import { ask, forEach, main, say, until, words } from './harness.mjs';

const some = (chat, chars = 10) => until('some text', () => chat.text().length > chars);

/** Resumes until the reply is there, and sees that it is what is stored. */
async function whole(chat, sent, text) {
  await sent;
  await until('the whole reply', async () => {
    if (chat.broken()) await chat.resume();
    return chat.over();
  });
  assert.equal(chat.text(), text);
  assert.equal(chat.replies(), 1);
  assert.deepEqual(
    (await chat.stored()).map(message => [message.status, message.text]),
    [['complete', text]],
  );
}

forEach(CLIENTS, 'a message is sent, its reply streamed live and stored', async client => {
  const chat = client.open();
  const sent = chat.post(say(words(150), 20));
  await some(chat);
  assert.notEqual(chat.text(), words(150));
  await whole(chat, sent, words(150));
});

forEach(CLIENTS, 'a stream that is cut at any chunk is resumed', async client => {
  const text = words(8);
  const first = client.open();
  const key = newId();
  const prompt = say(text, 1);
  await whole(first, first.post(prompt, key), text);
  const cuts = Array.from({ length: 16 }, (_, chunks) => chunks);
  await Promise.all(
    cuts.map(async chunks => {
      const chat = client.open(first.id);
      chat.network.cut = chunks;
      await whole(chat, chat.post(prompt, key), text);
    }),
  );
});

forEach(CLIENTS, 'a page is loaded again in mid-reply', async client => {
  const text = words(60);
  const before = client.open();
  const sent = before.post(say(text, 10));
  await some(before);
  await before.leave();
  await sent;
  const after = await client.load(before.id);
  await whole(after, after.resume(), text);
});

forEach(CLIENTS, 'a reply is finished while nobody looks', async client => {
  const text = words(30);
  const before = client.open();
  const sent = before.post(say(text, 5));
  await some(before);
  await before.leave();
  await sent;
  await until('the end', async () => (await before.stored())[0].status === 'complete');
  await whole(before, before.resume(), text);
  const after = await client.load(before.id);
  await whole(after, after.resume(), text);
});

forEach(CLIENTS, 'the same message is posted twice', async client => {
  const key = newId();
  const one = client.open();
  const two = client.open(one.id);
  const prompt = say(words(10), 5);
  // A reader of the log repeats in the session in which it has posted.
  const first = one.post(prompt, key);
  await some(one, 0);
  await Promise.all([whole(one, first, words(10)), whole(two, two.post(prompt, key), words(10))]);
});

forEach(CLIENTS, 'a reply is stopped by another client', async client => {
  const chat = client.open();
  const sent = chat.post(say(words(2000), 20));
  await some(chat);
  const seen = chat.text();
  await chat.stopElsewhere();
  await sent;
  assert.ok(chat.over());
  assert.ok(chat.text().startsWith(seen));
  const [message] = await chat.stored();
  assert.deepEqual([message.status, message.text], ['cancelled', chat.text()]);
});

forEach(CLIENTS, 'an attempt that failed after some text is taken back', async client => {
  const chat = client.open();
  const sent = chat.post(say(words(60), 2, '/error 529 at 40'));
  await some(chat);
  await whole(chat, sent, words(60));
});

for (const { what, name } of [
  { what: 'kill', name: 'the server is killed in mid-reply' },
  { what: 'drain', name: 'the server drains in mid-reply' },
]) {
  forEach(
    CLIENTS,
    name,
    async (client, together) => {
      const text = words(100);
      const chat = client.open();
      const sent = chat.post(say(text, 25));
      await some(chat, 20);
      await together();
      await whole(chat, sent, text);
    },
    () => ask(what),
  );
}

await main();
