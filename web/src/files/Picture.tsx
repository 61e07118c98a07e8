import type { StoredFile } from '@perdure/client';
import { Image } from 'lucide-react';
import { useEffect, useState } from 'react';
import { pictureOf } from './pictures.ts';

/** A small picture of a stored file; its place is there before it. */
export default function Picture({ file, alt }: { file: StoredFile; alt: string }) {
  const [address, setAddress] = useState<string>();
  const { id } = file;
  // biome-ignore lint/correctness/useExhaustiveDependencies: a file is its id
  useEffect(() => {
    let over = false;
    pictureOf(file).then(
      (made) => {
        if (!over) {
          setAddress(made);
        }
      },
      () => undefined,
    );
    return () => {
      over = true;
    };
  }, [id]);
  return address === undefined ? (
    <Image size={18} role="img" aria-label={alt} />
  ) : (
    <img src={address} alt={alt} />
  );
}
