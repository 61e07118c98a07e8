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

/** A picture of a hill under a sun, as base64. */
export const paintedPng = (page) =>
  page.evaluate(() => {
    const canvas = Object.assign(document.createElement('canvas'), { width: 480, height: 360 });
    const paint = canvas.getContext('2d');
    const sky = paint.createLinearGradient(0, 0, 0, 360);
    sky.addColorStop(0, '#9cc7d8');
    sky.addColorStop(1, '#f3e3c3');
    paint.fillStyle = sky;
    paint.fillRect(0, 0, 480, 360);
    paint.fillStyle = '#f7f1d5';
    paint.beginPath();
    paint.arc(350, 110, 42, 0, 7);
    paint.fill();
    for (const [colour, top] of [['#6f9a8d', 210], ['#3f7566', 260], ['#1f6557', 305]]) {
      paint.fillStyle = colour;
      paint.beginPath();
      paint.moveTo(0, 360);
      paint.lineTo(0, top);
      paint.bezierCurveTo(150, top - 90, 260, top + 60, 480, top - 40);
      paint.lineTo(480, 360);
      paint.fill();
    }
    return canvas.toDataURL('image/png').split(',')[1];
  });
