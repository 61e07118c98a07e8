import type { StoredFile } from '@perdure/client';
import { Download } from 'lucide-react';
import { useEffect, useRef, useState } from 'react';
import { Dialog } from '../ui/Dialog.tsx';
import { save } from '../ui/save.ts';
import { isPicture } from './attached.ts';
import { contentOf, drawnAt } from './pictures.ts';
import './files.css';

/** More than any window shows. */
const WIDEST_PX = 2_400;

/** A file of a message, large; what is no picture is downloaded. */
export default function FileView({ file, onClose }: { file: StoredFile; onClose: () => void }) {
  const place = useRef<HTMLDivElement>(null);
  const [content, setContent] = useState<Blob>();
  const [problem, setProblem] = useState<string>();
  // biome-ignore lint/correctness/useExhaustiveDependencies: a file is its id
  useEffect(() => {
    let over = false;
    const load = async () => {
      const read = await contentOf(file);
      if (over) {
        return;
      }
      setContent(read);
      if (isPicture(file.mediaType)) {
        const drawn = await drawnAt(read, WIDEST_PX);
        drawn.setAttribute('role', 'img');
        drawn.setAttribute('aria-label', file.name);
        place.current?.replaceChildren(drawn);
      }
    };
    load().catch((error: Error) => setProblem(error.message));
    return () => {
      over = true;
    };
  }, [file.id]);
  return (
    <Dialog title={file.name} onClose={onClose} wide={isPicture(file.mediaType)}>
      {isPicture(file.mediaType) && <div ref={place} className="file-large" />}
      {problem !== undefined && (
        <p className="refusal" role="alert">
          {problem}
        </p>
      )}
      <div className="row dialog-end">
        <button
          type="button"
          className="button"
          disabled={content === undefined}
          onClick={() => content !== undefined && save(file.name, content)}
        >
          <Download size={16} aria-hidden="true" /> Download
        </button>
        <button type="button" className="button primary" onClick={onClose}>
          Close
        </button>
      </div>
    </Dialog>
  );
}
