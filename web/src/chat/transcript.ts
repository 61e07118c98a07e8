import type { Message, PerdureClient } from '@perdure/client';
import { save } from '../ui/save.ts';
import { fullTime } from '../ui/words.ts';

const MAX_PAGES = 1_000;

/** Downloads all messages of a session, those of every branch, as one Markdown file. */
export async function download(
  client: PerdureClient,
  session: string,
  title: string,
): Promise<void> {
  const messages: Message[] = [];
  let before: string | undefined;
  for (let page = 0; page < MAX_PAGES; page++) {
    const items = await client.messages(session, before);
    messages.push(...items);
    const last = items[items.length - 1];
    if (last === undefined || last.position === 0) {
      break;
    }
    before = String(last.position);
  }
  save(
    `${title.replaceAll(/[^\p{L}\p{N} ._-]/gu, '').slice(0, 60) || 'chat'}.md`,
    new Blob([markdownOf(title, messages.reverse())], { type: 'text/markdown' }),
  );
}

export function markdownOf(title: string, messages: readonly Message[]): string {
  const parts = messages.map((message) => {
    const who = message.role === 'user' ? 'You' : (message.model ?? 'Model');
    const text = message.parts
      .filter((part) => part.type === 'text')
      .map((part) => part.text)
      .join('');
    const files = message.parts
      .filter((part) => part.file !== undefined)
      .map((part) => `- File: ${part.name ?? part.file}\n`)
      .join('');
    const state = message.status === 'complete' ? '' : ` (${message.status})`;
    return `## ${who}${state}\n\n*${fullTime(message.createdAt)}*\n\n${text}\n${files && `\n${files}`}`;
  });
  return `# ${title}\n\n${parts.join('\n')}`;
}
