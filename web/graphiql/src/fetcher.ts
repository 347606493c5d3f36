import type { Fetcher, FetcherOpts, FetcherParams } from '@graphiql/toolkit';
import { getOperationAST, parse } from 'graphql';
import { createClient } from 'graphql-ws';

/** Queries and mutations go by POST, subscriptions over a WebSocket; both with the headers of the editor. */
export const fetcher: Fetcher = (params, options) =>
  isSubscription(params) ? subscribe(params, options) : post(params, options);

/** Reads the text that is sent: what the editor last parsed may be older. */
function isSubscription({ query, operationName }: FetcherParams): boolean {
  try {
    return getOperationAST(parse(query), operationName)?.operation === 'subscription';
  } catch {
    return false; // The server says better what is wrong, and where.
  }
}

async function post(params: FetcherParams, options?: FetcherOpts) {
  const response = await fetch('/graphql', {
    method: 'POST',
    headers: {
      ...options?.headers,
      'content-type': 'application/json',
      accept: 'application/graphql-response+json, application/json;q=0.9',
    },
    body: JSON.stringify(params),
  });
  return response.json();
}

function subscribe(params: FetcherParams, options?: FetcherOpts) {
  const address = new URL('/graphql/ws', window.location.href);
  address.protocol = address.protocol === 'https:' ? 'wss:' : 'ws:';
  // A socket per subscription: it has the headers of its own moment, and closes with its subscription.
  const client = createClient({ url: address.href, connectionParams: options?.headers ?? {}, retryAttempts: 0 });
  return client.iterate({
    query: params.query,
    operationName: params.operationName,
    variables: params.variables,
  });
}
