// @vitest-environment happy-dom
import { expect, test } from 'vitest';
import { isText } from './upload.ts';

const bytes = (text: string) => new TextEncoder().encode(text);

test('a text is told from something else as the server does it', () => {
  expect(isText(bytes('Words,\n\tand\r\nmore \u{1f332} words'))).toBe(true);
  // Cut in mid-character, as the beginning of a long file may be.
  expect(isText(bytes('ä').subarray(0, 1))).toBe(true);
  expect(isText(new Uint8Array([80, 75, 3, 4]))).toBe(false);
  expect(isText(new Uint8Array([0xff, 0xfe, 65, 0]))).toBe(false);
  // A PDF whose browser has not said so.
  expect(isText(new Uint8Array([...bytes('%PDF-1.7\n'), 0, 1]))).toBe(true);
});
