/**
 * Requests that change nothing here by themselves: what becomes of a cancel, a retry or an answer is
 * told by the stream, and what is read is handed on.
 */
import type { PerdureClient } from './api.ts';
import { turnPath } from './doubts.ts';
import { messagesPath } from './threads.ts';
import type { Transport } from './transport.ts';
import { decodeFile, decodeMessage, decodeModels, decodeStatus, page } from './wire.ts';

export class Requests {
  readonly #transport: Transport;
  readonly #newId: () => string;

  constructor(transport: Transport, newId: () => string) {
    this.#transport = transport;
    this.#newId = newId;
  }

  cancel: PerdureClient['cancel'] = (turn) => this.#post(`${turnPath(turn)}/cancel`);
  cancelSession: PerdureClient['cancelSession'] = (session) =>
    this.#post(`/v1/sessions/${encodeURIComponent(session)}/cancel`);
  cancelLane: PerdureClient['cancelLane'] = (turn, lane) =>
    this.#post(`${turnPath(turn)}/lanes/${lane}/cancel`);
  answer: PerdureClient['answer'] = (turn, answer) =>
    this.#post(`${turnPath(turn)}/answers`, answer);
  retryLane: PerdureClient['retryLane'] = (turn, lane) =>
    this.#post(`${turnPath(turn)}/lanes/${lane}/retry`, undefined, this.#newId());

  upload: PerdureClient['upload'] = (name, content, signal) =>
    this.#transport.send({
      method: 'POST',
      path: `/v1/files?name=${encodeURIComponent(name)}`,
      body: content,
      ...(signal === undefined ? {} : { signal }),
      decoder: decodeFile,
    });

  models: PerdureClient['models'] = () =>
    this.#transport.send({ path: '/v1/models', decoder: decodeModels });
  status: PerdureClient['status'] = () =>
    this.#transport.send({ path: '/v1/status', decoder: decodeStatus });
  messages: PerdureClient['messages'] = async (session, before) =>
    (
      await this.#transport.send({
        path: messagesPath(session, before),
        decoder: page(decodeMessage),
      })
    ).items;

  async #post(path: string, body?: unknown, key?: string): Promise<void> {
    await this.#transport.send({
      method: 'POST',
      path,
      decoder: () => undefined,
      ...(body === undefined ? {} : { body }),
      ...(key === undefined ? {} : { key }),
    });
  }
}
