import { useChat } from '@ai-sdk/react';
import {
  DefaultChatTransport,
  lastAssistantMessageIsCompleteWithApprovalResponses,
} from 'ai';
import { useState } from 'react';
import { createRoot } from 'react-dom/client';

const API = '/api/chat';

// The chat's id is in the address, so that a reload and another tab show the same chat.
if (!location.hash) location.hash = crypto.randomUUID();
const id = location.hash.slice(1);

function Part({ part, answer }) {
  if (part.type === 'text') return <span>{part.text}</span>;
  if (part.type === 'reasoning') return <em>{part.text}</em>;
  if (!part.type.startsWith('tool-')) return null;
  return (
    <div className="tool">
      {part.type.slice('tool-'.length)}: {part.state} {JSON.stringify(part.output ?? part.input)}
      {part.state === 'approval-requested' &&
        [true, false].map(approved => (
          <button key={approved} onClick={() => answer({ id: part.approval.id, approved })}>
            {approved ? 'Yes' : 'No'}
          </button>
        ))}
    </div>
  );
}

function App({ messages: loaded }) {
  const [text, setText] = useState('');
  const { messages, sendMessage, status, error, resumeStream, addToolApprovalResponse } = useChat({
    id,
    messages: loaded,
    resume: true,
    sendAutomaticallyWhen: lastAssistantMessageIsCompleteWithApprovalResponses,
    transport: new DefaultChatTransport({ api: API }),
  });
  const send = event => {
    event.preventDefault();
    sendMessage({ text });
    setText('');
  };
  return (
    <>
      {messages.map(message => (
        <article key={message.id} data-role={message.role}>
          {message.parts.map((part, i) => (
            <Part key={i} part={part} answer={addToolApprovalResponse} />
          ))}
        </article>
      ))}
      <p role="status">{status}</p>
      {error && (
        <p role="alert">
          {error.message} <button onClick={() => resumeStream()}>Resume</button>
        </p>
      )}
      <form onSubmit={send}>
        <textarea value={text} onChange={event => setText(event.target.value)} />
        <button>Send</button>
        <button type="button" onClick={() => fetch(`${API}/${id}/stop`, { method: 'POST' })}>
          Stop
        </button>
      </form>
    </>
  );
}

const messages = await (await fetch(`${API}/${id}/messages`)).json();
createRoot(document.getElementById('root')).render(<App messages={messages} />);
