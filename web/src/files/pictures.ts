/** Small pictures of files, made once and kept while the page is open. */
import type { StoredFile } from '@perdure/client';
import { settings } from '../app/settings.ts';

/** Twice the largest place that one has. */
const WIDEST_PX = 480;
const QUALITY = 0.8;
const MAX_KEPT = 100;

const kept = new Map<string, Promise<string>>();

/** The address of a small picture of a stored file; fails where it is none. */
export function pictureOf(file: StoredFile): Promise<string> {
  const known = kept.get(file.id);
  return known ?? keep(file.id, contentOf(file).then(small));
}

/** Makes it of what is at hand; what cannot be drawn is not shown. */
export async function keepPicture(file: StoredFile, content: Blob): Promise<void> {
  if (file.mediaType.startsWith('image/')) {
    await keep(file.id, small(content)).catch(() => undefined);
  }
}

function keep(id: string, picture: Promise<string>): Promise<string> {
  kept.set(id, picture);
  picture.catch(() => kept.delete(id));
  const [oldest] = kept.keys();
  if (kept.size > MAX_KEPT && oldest !== undefined) {
    kept.delete(oldest);
  }
  return picture;
}

export async function contentOf(file: StoredFile): Promise<Blob> {
  const { key } = settings();
  const response = await fetch(`/v1/files/${file.id}`, {
    headers: key === undefined ? {} : { authorization: `Bearer ${key}` },
  });
  if (!response.ok) {
    throw new Error(`“${file.name}” could not be fetched (${response.status}).`);
  }
  return response.blob();
}

/** The page's policy takes no picture from elsewhere, and a large one need not be held. */
async function small(content: Blob): Promise<string> {
  const drawn = await drawnAt(content, WIDEST_PX);
  return drawn.toDataURL('image/webp', QUALITY);
}

/** Its first frame, not larger than so many pixels. */
export async function drawnAt(content: Blob, widest: number): Promise<HTMLCanvasElement> {
  const bitmap = await createImageBitmap(content);
  const scale = Math.min(1, widest / Math.max(bitmap.width, bitmap.height));
  const canvas = document.createElement('canvas');
  canvas.width = Math.max(1, Math.round(bitmap.width * scale));
  canvas.height = Math.max(1, Math.round(bitmap.height * scale));
  const context = canvas.getContext('2d');
  if (context !== null) {
    context.imageSmoothingQuality = 'high';
    context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  }
  bitmap.close();
  return canvas;
}
