import type { Message, PerdureClient } from '@perdure/client';
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
    markdownOf(title, messages.reverse()),
  );
}

export function markdownOf(title: string, messages: readonly Message[]): string {
  const parts = messages.map((message) => {
    const who = message.role === 'user' ? 'You' : (message.model ?? 'Model');
    const text = message.parts
      .filter((part) => part.type === 'text')
      .map((part) => part.text)
      .join('');
    const state = message.status === 'complete' ? '' : ` (${message.status})`;
    return `## ${who}${state}\n\n*${fullTime(message.createdAt)}*\n\n${text}\n`;
  });
  return `# ${title}\n\n${parts.join('\n')}`;
}

function save(name: string, text: string) {
  const url = URL.createObjectURL(new Blob([text], { type: 'text/markdown' }));
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
