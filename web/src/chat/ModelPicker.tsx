import type { FileRules } from '@perdure/client';
import { usePerdure } from '@perdure/client/react';
import { Check, ChevronDown, Columns2, X } from 'lucide-react';
import { useEffect, useState } from 'react';
import { change, useSettings } from '../app/settings.ts';
import { Menu } from '../ui/Menu.tsx';
import { shortModel } from '../ui/words.ts';

export const MAX_LANES = 4;
const MAX_OWN = 12;
const MODEL = /^[^\s/]+\/\S+$/;

interface Known {
  readonly byDefault: string;
  readonly offered: readonly string[];
  readonly files?: FileRules;
}

let cached: Known | undefined;

/** What the server offers; the same for every picker. */
export function useKnownModels(): Known | undefined {
  const client = usePerdure();
  const [known, setKnown] = useState(cached);
  useEffect(() => {
    if (known === undefined) {
      client.models().then(
        ({ default: byDefault, offered = [byDefault], files }) => {
          cached = { byDefault, offered, ...(files === undefined ? {} : { files }) };
          setKnown(cached);
        },
        () => undefined,
      );
    }
  }, [client, known]);
  return known;
}

/** The models of the next message; none for the server's default. */
export function useChosenModels(): readonly string[] {
  return useSettings().models;
}

export function ModelPicker() {
  const known = useKnownModels();
  const { models, ownModels } = useSettings();
  const chosen = models.length > 0 ? models : known === undefined ? [] : [known.byDefault];
  const all = [...new Set([...(known?.offered ?? []), ...ownModels, ...models])];
  const set = (next: readonly string[]) => change({ models: next });

  return (
    <div className="lanes-picked">
      {chosen.map((model, lane) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a lane is its place; the same model may stand twice
        <span key={lane} className="lane-chip">
          <Menu
            label={chosen.length === 1 ? `Model: ${model}` : `Model ${lane + 1}: ${model}`}
            className="button quiet small"
            panel
            face={
              <>
                <span className="cut">{shortModel(model)}</span>
                <ChevronDown size={13} aria-hidden="true" />
              </>
            }
          >
            {(close) => (
              <Choice
                all={all}
                current={model}
                onPick={(next) => {
                  close();
                  set(chosen.map((each, at) => (at === lane ? next : each)));
                }}
              />
            )}
          </Menu>
          {chosen.length > 1 && (
            <button
              type="button"
              className="button quiet small icon"
              aria-label={`Remove ${model}`}
              onClick={() => set(chosen.filter((_, at) => at !== lane))}
            >
              <X size={13} />
            </button>
          )}
        </span>
      ))}
      {chosen.length > 0 && chosen.length < MAX_LANES && (
        <button
          type="button"
          className="button quiet small"
          title="Ask several models at once, side by side"
          onClick={() =>
            set([...chosen, all.find((each) => !chosen.includes(each)) ?? chosen[0] ?? ''])
          }
        >
          <Columns2 size={14} aria-hidden="true" /> Compare
        </button>
      )}
    </div>
  );
}

function Choice(props: {
  all: readonly string[];
  current: string;
  onPick: (model: string) => void;
}) {
  const { ownModels } = useSettings();
  const [typed, setTyped] = useState('');
  const ok = MODEL.test(typed.trim());
  const use = () => {
    if (ok) {
      change({ ownModels: [...new Set([typed.trim(), ...ownModels])].slice(0, MAX_OWN) });
      props.onPick(typed.trim());
    }
  };
  return (
    <>
      <p className="menu-label" aria-hidden="true">
        Model
      </p>
      <div role="menu" aria-label="Model">
        {props.all.map((model) => (
          <button
            key={model}
            type="button"
            role="menuitemradio"
            aria-checked={model === props.current}
            className="menu-item"
            onClick={() => props.onPick(model)}
          >
            <span className="grow cut">{model}</span>
            {model === props.current && <Check size={15} aria-hidden="true" />}
          </button>
        ))}
      </div>
      <div className="own-model">
        <input
          className="field"
          placeholder="provider/model"
          aria-label="Another model, as provider/model"
          value={typed}
          onChange={(event) => setTyped(event.target.value)}
          onKeyDown={(event) => {
            if (event.key === 'Enter') {
              // Not the form around it, which would send the message.
              event.preventDefault();
              use();
            }
          }}
        />
        <button type="button" className="button" disabled={!ok} onClick={use}>
          Use
        </button>
      </div>
    </>
  );
}
