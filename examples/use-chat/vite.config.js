import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

// The page comes from Vite, the chat from Perdure, both from one origin. Perdure on a machine of one's own takes
// changes from pages of its own origin only, which is why the proxy names that one.
const perdure = process.env.PERDURE_URL ?? 'http://127.0.0.1:8080';

export default defineConfig({
  plugins: [react()],
  server: { proxy: { '/api': { target: perdure, changeOrigin: true, headers: { origin: perdure } } } },
});
