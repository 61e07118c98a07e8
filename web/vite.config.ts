import react from '@vitejs/plugin-react';
import { defineConfig, type Plugin } from 'vite';

// In development the page comes from Vite and everything else from a server on port 8080.
const server = process.env.PERDURE_URL ?? 'http://127.0.0.1:8080';

/** Has the browser fetch the font with the page, and not only once it has read the styles. */
const fontWithPage: Plugin = {
  name: 'font-with-page',
  transformIndexHtml: {
    order: 'post',
    handler: (_, { bundle }) =>
      Object.keys(bundle ?? {})
        .filter((file) => /inter-latin-wght-[^/]*\.woff2$/.test(file))
        .map((file) => ({
          tag: 'link',
          attrs: {
            rel: 'preload',
            as: 'font',
            type: 'font/woff2',
            crossorigin: '',
            href: `/${file}`,
          },
          injectTo: 'head',
        })),
  },
};

export default defineConfig({
  plugins: [react(), fontWithPage],
  resolve: { conditions: ['source', 'module', 'browser', 'development|production'] },
  build: {
    target: 'es2022',
    sourcemap: false,
    // Nothing is inlined: the page's policy takes scripts, styles and images from files only.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  server: { proxy: { '/v1': server, '/readyz': server } },
});
