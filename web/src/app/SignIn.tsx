import { useState } from 'react';
import { Mark } from '../ui/Mark.tsx';
import { change } from './settings.ts';

export default function SignIn({ wrong }: { wrong: boolean }) {
  const [key, setKey] = useState('');
  return (
    <main className="alone">
      <Mark />
      <h1>Sign in</h1>
      <p className="soft">
        This server asks for an API key or a token. Whoever runs it has one for you.
      </p>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          change({ key: key.trim() });
        }}
      >
        <label htmlFor="key" className="hidden-text">
          API key or token
        </label>
        <input
          id="key"
          className="field"
          type="password"
          autoComplete="current-password"
          placeholder="API key or token"
          value={key}
          aria-invalid={wrong}
          aria-describedby="key-says"
          onChange={(event) => setKey(event.target.value)}
        />
        <p id="key-says" className="soft" role={wrong ? 'alert' : undefined}>
          {wrong
            ? 'The server does not know this key, or it has expired.'
            : 'It stays in this browser until you sign out.'}
        </p>
        <button type="submit" className="button primary" disabled={key.trim() === ''}>
          Sign in
        </button>
      </form>
    </main>
  );
}
