import 'graphiql/setup-workers/vite';
import 'graphiql/style.css';
import './page.css';

import { GraphiQL } from 'graphiql';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';

import { fetcher } from './fetcher';
import { STARTER_QUERY } from './starter-query';

const container = document.getElementById('graphiql');
if (container === null) {
  throw new Error('the page has no element #graphiql');
}
createRoot(container).render(
  <StrictMode>
    <GraphiQL fetcher={fetcher} defaultQuery={STARTER_QUERY} />
  </StrictMode>,
);
