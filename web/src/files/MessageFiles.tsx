import type { StoredFile } from '@perdure/client';
import { FileText } from 'lucide-react';
import { lazy, Suspense, useState } from 'react';
import { unloaded } from '../ui/Unloaded.tsx';
import { bytes } from '../ui/words.ts';
import { isPicture } from './attached.ts';

const Picture = lazy(() => import('./Picture.tsx').catch(() => ({ default: () => <></> })));
const FileView = lazy(() => import('./FileView.tsx').catch(unloaded));

/** The files of a message that was sent. Whoever has only a link to the chat may not read them. */
export function MessageFiles(props: {
  readonly files: readonly StoredFile[];
  readonly readable: boolean;
}) {
  const { files, readable } = props;
  const [shown, setShown] = useState<StoredFile>();
  return (
    <>
      <ul className="files" aria-label="Files">
        {files.map((file) => {
          const picture = readable && isPicture(file.mediaType);
          const face = picture ? (
            <Suspense>
              <Picture file={file} alt={file.name} />
            </Suspense>
          ) : (
            <>
              <FileText size={16} aria-hidden="true" />
              <bdi className="cut">{file.name}</bdi>
              <span className="tiny">{bytes(file.size)}</span>
            </>
          );
          return (
            <li key={file.id}>
              {readable ? (
                <button
                  type="button"
                  className={picture ? 'file picture' : 'file'}
                  aria-label={picture ? `Open ${file.name}` : undefined}
                  title={`${file.name}, ${bytes(file.size)}`}
                  onClick={() => setShown(file)}
                >
                  {!picture && <span className="hidden-text">Open </span>}
                  {face}
                </button>
              ) : (
                <span className="file">{face}</span>
              )}
            </li>
          );
        })}
      </ul>
      {shown !== undefined && (
        <Suspense>
          <FileView file={shown} onClose={() => setShown(undefined)} />
        </Suspense>
      )}
    </>
  );
}
