// What graphql-transport-ws prescribes, and what a hostile peer tries. Usage: node wsprobe.mjs WS_URL ORIGIN
import WebSocket from 'ws';

const [url, origin] = process.argv.slice(2);
const PROTOCOL = 'graphql-transport-ws';
const PATIENCE = 15_000;

function open({ protocol = PROTOCOL, headers = {} } = {}) {
  const socket = new WebSocket(url, protocol === null ? [] : [protocol], { headers });
  const inbox = [];
  const waiting = [];
  const put = (item) => (waiting.length ? waiting.shift()(item) : inbox.push(item));
  socket.on('message', (data) => put({ message: JSON.parse(data.toString()) }));
  socket.on('close', (code, reason) => put({ code, reason: reason.toString() }));
  socket.on('unexpected-response', (_request, response) => put({ status: response.statusCode }));
  socket.on('error', () => {});
  const next = () =>
    inbox.length
      ? Promise.resolve(inbox.shift())
      : Promise.race([
          new Promise((resolve) => waiting.push(resolve)),
          new Promise((resolve) => setTimeout(() => resolve({ silent: true }), PATIENCE).unref()),
        ]);
  const send = (message) => socket.send(typeof message === 'object' && !Buffer.isBuffer(message) ? JSON.stringify(message) : message);
  const opened = new Promise((resolve) => {
    socket.on('open', () => resolve(true));
    socket.on('unexpected-response', () => resolve(false));
    socket.on('close', () => resolve(false));
  });
  return { socket, next, send, opened };
}

async function ready(options) {
  const peer = open(options);
  await peer.opened;
  peer.send({ type: 'connection_init' });
  const { message } = await peer.next();
  if (message?.type !== 'connection_ack') throw new Error(`no connection_ack but ${JSON.stringify(message)}`);
  return peer;
}

const equal = (found, wanted) => {
  if (JSON.stringify(found) !== JSON.stringify(wanted)) {
    throw new Error(`${JSON.stringify(found)} instead of ${JSON.stringify(wanted)}`);
  }
};
const closes = async (peer, code) => {
  let item = await peer.next();
  while (item.message) item = await peer.next();
  equal(item.code ?? item, code);
};
const subscribe = (id, query, rest = {}) => ({ id, type: 'subscribe', payload: { query, ...rest } });
const FOREVER = 'subscription { executions { __typename } }';
const typename = { data: { __typename: 'Query' } };

const refusedWith = (options, status) => async () => {
  const peer = open(options);
  equal((await peer.next()).status, status);
};
const closedAfter = (message, code) => async () => {
  const peer = await ready();
  peer.send(message);
  await closes(peer, code);
};
const errorFor = (query, rest) => async () => {
  const peer = await ready();
  peer.send(subscribe('1', query, rest));
  const { message } = await peer.next();
  equal([message?.type, message?.id, Array.isArray(message?.payload)], ['error', '1', true]);
  // The socket lives on, and the id is free.
  peer.send(subscribe('1', '{ __typename }'));
  equal((await peer.next()).message, { type: 'next', id: '1', payload: typename });
};

const cases = {
  'the old protocol is refused': refusedWith({ protocol: 'graphql-ws' }, 400),
  'no protocol is refused': refusedWith({ protocol: null }, 400),
  'a foreign origin is refused': refusedWith({ headers: { origin: 'https://evil.example' } }, 403),
  'origin null is refused': refusedWith({ headers: { origin: 'null' } }, 403),
  'the own origin is served': async () => void (await ready({ headers: { origin } })),
  'connection_init is acknowledged': async () => void (await ready()),
  'ping is answered before connection_init': async () => {
    const peer = open();
    await peer.opened;
    peer.send({ type: 'ping' });
    equal((await peer.next()).message?.type, 'pong');
  },
  'pong repeats the payload': async () => {
    const peer = await ready();
    peer.send({ type: 'ping', payload: { a: 1 } });
    equal((await peer.next()).message, { type: 'pong', payload: { a: 1 } });
  },
  'an unasked pong is taken': async () => {
    const peer = await ready();
    peer.send({ type: 'pong' });
    peer.send({ type: 'ping' });
    equal((await peer.next()).message?.type, 'pong');
  },
  '4401 for an operation before connection_ack': async () => {
    const peer = open();
    await peer.opened;
    peer.send(subscribe('1', '{ __typename }'));
    await closes(peer, 4401);
  },
  '4429 for a second connection_init': closedAfter({ type: 'connection_init' }, 4429),
  '4408 without connection_init': async () => {
    const peer = open();
    await peer.opened;
    await closes(peer, 4408);
  },
  '4400 for what is no JSON': closedAfter('{', 4400),
  '4400 for an unknown type': closedAfter({ type: 'unknown' }, 4400),
  '4400 without a type': closedAfter({ id: '1' }, 4400),
  '4400 for a batch': closedAfter([subscribe('1', '{ __typename }')], 4400),
  '4400 without an id': closedAfter({ type: 'subscribe', payload: { query: '{ __typename }' } }, 4400),
  '4400 for an empty id': closedAfter(subscribe('', '{ __typename }'), 4400),
  '4400 without a payload': closedAfter({ type: 'subscribe', id: '1' }, 4400),
  '4400 without a query': closedAfter({ type: 'subscribe', id: '1', payload: {} }, 4400),
  '4400 for variables that are no object': closedAfter(subscribe('1', '{ __typename }', { variables: 'x' }), 4400),
  '4400 for a binary message': closedAfter(Buffer.from('{"type":"ping"}'), 4400),
  '1009 for a message that is too long': closedAfter(subscribe('1', `{ __typename } #${'x'.repeat(200_000)}`), 1009),
  'a query answers next and complete': async () => {
    const peer = await ready();
    peer.send(subscribe('1', '{ __typename }'));
    equal((await peer.next()).message, { type: 'next', id: '1', payload: typename });
    equal((await peer.next()).message, { type: 'complete', id: '1' });
  },
  'a mutation answers next and complete': async () => {
    const peer = await ready();
    peer.send(subscribe('1', 'mutation { __typename }'));
    equal((await peer.next()).message, { type: 'next', id: '1', payload: { data: { __typename: 'Mutation' } } });
    equal((await peer.next()).message, { type: 'complete', id: '1' });
  },
  'error for a document that does not parse': errorFor('{'),
  'error for an unknown field': errorFor('{ nothingOfThisName }'),
  'error for an unknown operation name': errorFor('query A { __typename } query B { __typename }', { operationName: 'C' }),
  'error for a document that is too deep': errorFor(`{ a(b: ${'['.repeat(2_000)}`),
  'error for a bomb of fragments': errorFor(
    `{ ...F0 } ${Array.from({ length: 30 }, (_, n) => `fragment F${n} on Query { ...F${n + 1} ...F${n + 1} }`).join(' ')} fragment F30 on Query { __typename }`,
  ),
  '4409 for an id that runs already': async () => {
    const peer = await ready();
    peer.send(subscribe('1', FOREVER));
    peer.send(subscribe('1', FOREVER));
    await closes(peer, 4409);
  },
  'an id is free after complete': async () => {
    const peer = await ready();
    peer.send(subscribe('1', FOREVER));
    peer.send({ type: 'complete', id: '1' });
    peer.send(subscribe('1', '{ __typename }'));
    equal((await peer.next()).message, { type: 'next', id: '1', payload: typename });
  },
  'complete of an unknown id is taken': async () => {
    const peer = await ready();
    peer.send({ type: 'complete', id: 'nobody' });
    peer.send({ type: 'ping' });
    equal((await peer.next()).message?.type, 'pong');
  },
  'operations of one socket are limited': async () => {
    const peer = await ready();
    for (let n = 0; n < 60; n += 1) peer.send(subscribe(String(n), FOREVER));
    const { message } = await peer.next();
    equal([message?.type, message?.payload?.[0]?.extensions?.code], ['error', 'TOO_LARGE']);
  },
};

let good = 0;
for (const [name, run] of Object.entries(cases)) {
  try {
    await run();
    good += 1;
  } catch (error) {
    console.log(`FINDING\t${name.replaceAll(' ', '-')}\t${error.message}`);
  }
}
console.log(`SUMMARY\t${good} of ${Object.keys(cases).length} cases`);
process.exit(0);
