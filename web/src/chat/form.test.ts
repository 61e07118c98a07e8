import { expect, test } from 'vitest';
import { asJson, fieldsOf, filledIn } from './form.ts';

const FORM = {
  type: 'object',
  required: ['seats'],
  properties: {
    seats: { type: 'integer', title: 'Seats', description: 'At most four', default: 2 },
    day: { type: 'string', enum: ['Friday', 'Saturday'] },
    note: { type: 'string' },
    window: { type: 'boolean' },
  },
};

test('a form becomes fields in its order, and what was filled in becomes what the model wants', () => {
  const fields = fieldsOf(FORM) ?? [];
  expect(fields.map(({ name, kind }) => [name, kind])).toEqual([
    ['seats', 'number'],
    ['day', 'text'],
    ['note', 'text'],
    ['window', 'flag'],
  ]);
  expect(fields[0]).toMatchObject({ label: 'Seats', help: 'At most four', required: true });
  expect(fields[1]).toMatchObject({
    label: 'day',
    choices: ['Friday', 'Saturday'],
    required: false,
  });
  expect(filledIn(fields, { day: 'Friday' })).toEqual({ seats: 2, day: 'Friday', window: false });
  expect(filledIn(fields, { seats: '3', note: ' near ', window: 'true' })).toEqual({
    seats: 3,
    note: 'near',
    window: true,
  });
  // The server is the one who says what is wrong.
  expect(filledIn(fields, { seats: 'three' }).seats).toBe('three');
});

test('what is no form has no fields, and a result is JSON if it can be', () => {
  expect(fieldsOf(undefined)).toBeUndefined();
  expect(fieldsOf('x')).toBeUndefined();
  expect(fieldsOf({ type: 'object' })).toBeUndefined();
  expect(asJson('{"a":1}')).toEqual({ a: 1 });
  expect(asJson('rain')).toBe('rain');
});
