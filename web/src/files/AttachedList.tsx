import type { FileRules } from '@perdure/client';
import { CircleAlert, FileText, RotateCw, X } from 'lucide-react';
import { useEffect, useRef } from 'react';
import { bytes } from '../ui/words.ts';
import { type Attached, type AttachedFiles, isPicture } from './attached.ts';
import Picture from './Picture.tsx';
import { begin, remove, retry } from './upload.ts';
import './files.css';

/** The files of a message that is being written, above its text. */
export default function AttachedList(props: {
  readonly draft: string;
  readonly list: readonly Attached[];
  readonly files: AttachedFiles;
  readonly rules: FileRules | undefined;
  readonly obstacle: string | undefined;
}) {
  const { draft, list, files, rules } = props;
  const box = useRef<HTMLUListElement>(null);
  useEffect(() => {
    if (list.some((each) => each.state === 'new')) {
      begin(files, draft, rules);
    }
  }, [list, files, draft, rules]);

  /** Who goes by keys goes on with the next one. */
  function takeAway(key: string, at: number) {
    remove(files, draft, key);
    requestAnimationFrame(() => {
      const left = box.current?.querySelectorAll<HTMLButtonElement>('button[data-remove]') ?? [];
      (left[Math.min(at, left.length - 1)] ?? document.getElementById('message'))?.focus();
    });
  }

  const together = list.reduce((sum, each) => sum + each.size, 0);
  return (
    <div className="attached">
      <ul ref={box} aria-label="Attached files">
        {list.map((each, at) => (
          <li key={each.key} className={`attachment ${each.state}`}>
            <span className="attachment-face">
              {each.stored !== undefined && isPicture(each.stored.mediaType) ? (
                <Picture file={each.stored} alt="" />
              ) : each.state === 'failed' ? (
                <CircleAlert size={18} aria-hidden="true" />
              ) : (
                <FileText size={18} aria-hidden="true" />
              )}
            </span>
            <span className="attachment-words">
              <bdi className="cut" title={each.name}>
                {each.name}
              </bdi>
              {each.state === 'failed' ? (
                <span className="attachment-problem">{each.problem}</span>
              ) : each.state === 'ready' ? (
                <span className="tiny">{bytes(each.size)}</span>
              ) : (
                <progress aria-label={`Sending ${each.name}`} value={each.sent ?? 0} />
              )}
            </span>
            {each.again === true && each.state === 'failed' && (
              <button
                type="button"
                className="button quiet small icon"
                aria-label={`Send ${each.name} again`}
                title="Try again"
                onClick={() => retry(files, draft, each.key)}
              >
                <RotateCw size={14} />
              </button>
            )}
            <button
              type="button"
              data-remove
              className="button quiet small icon"
              aria-label={`Remove ${each.name}`}
              title="Remove"
              onClick={() => takeAway(each.key, at)}
            >
              <X size={14} />
            </button>
          </li>
        ))}
      </ul>
      <p className="tiny" role="status">
        {props.obstacle ??
          (rules === undefined
            ? ''
            : `${list.length} of ${rules.maxCount} files, ${bytes(together)} of ${bytes(rules.maxBytesTogether)}`)}
      </p>
    </div>
  );
}
