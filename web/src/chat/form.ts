/** The forms of questions: a flat JSON Schema of type object, which a model has written. */
import type { Json } from '@perdure/client';

export interface Field {
  readonly name: string;
  readonly kind: 'text' | 'number' | 'flag';
  readonly label: string;
  readonly help?: string;
  readonly required: boolean;
  readonly choices?: readonly string[];
  /** As it would be typed. */
  readonly initial: string;
}

type Members = Readonly<Record<string, Json>>;

const isObject = (value: Json | undefined): value is Members =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const KINDS: Readonly<Record<string, Field['kind']>> = {
  string: 'text',
  number: 'number',
  integer: 'number',
  boolean: 'flag',
};

/** What is asked for, in the order of the form; undefined where there is no form. */
export function fieldsOf(form: Json | undefined): readonly Field[] | undefined {
  if (!isObject(form) || !isObject(form.properties)) {
    return undefined;
  }
  const required = Array.isArray(form.required) ? form.required : [];
  return Object.entries(form.properties).map(([name, wanted]): Field => {
    const {
      type,
      title,
      description,
      default: initial,
      enum: choices,
    } = isObject(wanted) ? wanted : {};
    return {
      name,
      kind: (typeof type === 'string' ? KINDS[type] : undefined) ?? 'text',
      label: typeof title === 'string' ? title : name,
      ...(typeof description === 'string' ? { help: description } : {}),
      required: required.includes(name),
      ...(Array.isArray(choices) ? { choices: choices.map(String) } : {}),
      initial: initial === undefined || initial === null ? '' : String(initial),
    };
  });
}

/** What was filled in. What was left empty is left out; a flag always says yes or no. */
export function filledIn(
  fields: readonly Field[],
  values: Readonly<Record<string, string>>,
): Readonly<Record<string, Json>> {
  const out: Record<string, Json> = {};
  for (const { name, kind, initial } of fields) {
    const said = (values[name] ?? initial).trim();
    if (kind === 'flag') {
      out[name] = said === 'true';
    } else if (said !== '') {
      out[name] = kind === 'number' ? asNumber(said) : said;
    }
  }
  return out;
}

/** What is no number goes as it is: the server says what is wrong with it. */
const asNumber = (text: string): Json => (Number.isFinite(Number(text)) ? Number(text) : text);

/** JSON if it is, else the text itself. */
export function asJson(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return text;
  }
}
