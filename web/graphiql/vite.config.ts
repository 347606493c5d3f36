import { readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { brotliCompress, constants } from 'node:zlib';

import { defineConfig, type Plugin } from 'vite';

const compress = promisify(brotliCompress);

/** Smaller files gain less than the extra header costs. */
const WORTH_COMPRESSING = 1024;

/** Writes `name.br` beside each asset: the server sends it as it is. */
function precompress(): Plugin {
  let folder = '';
  return {
    name: 'precompress',
    apply: 'build',
    configResolved(config) {
      folder = path.resolve(config.root, config.build.outDir, config.build.assetsDir);
    },
    async closeBundle() {
      for (const name of await readdir(folder)) {
        const content = await readFile(path.join(folder, name));
        if (content.length < WORTH_COMPRESSING) continue;
        const packed = await compress(content, { params: { [constants.BROTLI_PARAM_QUALITY]: 9 } });
        if (packed.length < content.length) await writeFile(path.join(folder, `${name}.br`), packed);
      }
    },
  };
}

export default defineConfig({
  // The server has the page at /graphql and its files at /graphql/assets/.
  base: '/graphql/',
  plugins: [precompress()],
  build: {
    // The page's policy allows styles, fonts and images as data URLs, but scripts from files only.
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 8192,
    sourcemap: false,
    rolldownOptions: {
      onwarn(warning, report) {
        // Marks of React server components in libraries; this page has no server side.
        if (warning.code !== 'MODULE_LEVEL_DIRECTIVE') report(warning);
      },
    },
  },
  server: {
    proxy: { '/graphql/ws': { target: 'ws://127.0.0.1:8080', ws: true } },
  },
});
