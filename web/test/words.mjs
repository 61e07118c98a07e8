// Words in which cases and states are written; they need nothing that runs.

/** A browser says so by itself when a request has failed; allowed where somebody makes it fail. */
export const REFUSED = /Failed to load resource/;

/** The models of the next message. */
export async function choose(page, ...models) {
  await page.evaluate(
    (chosen) => localStorage.setItem('perdure.settings', JSON.stringify({ models: chosen })),
    models,
  );
  await page.reload();
}
