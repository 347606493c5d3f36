//! Server-sent events, one connection per operation: `next` for each reply, `complete` at the end.

use std::convert::Infallible;

use async_graphql::Executor;
use axum::http::{HeaderName, HeaderValue};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::stream::{self, Stream, StreamExt};

use super::Shared;
use crate::operation::Operation;
use crate::runner::{Caller, Reply};

/// Proxies that collect an answer before passing it on leave a stream alone when they see this.
const NO_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// Runs an operation and sends its replies as they come.
///
/// The stream is pulled by the connection: a caller that reads nothing stops its operation, it does not
/// make it queue up. On shutdown the stream ends without `complete`, so that callers come back.
pub(super) fn stream<E: Executor>(shared: &Shared<E>, operation: Operation, caller: Caller) -> Response {
    let replies = shared.runner.clone().stream(operation, caller);
    let events = replies
        .map(|reply| next(&reply))
        .chain(stream::once(async { complete() }))
        .take_until(shared.shutdown.begun_owned());
    let guard = shared.shutdown.tasks().token();
    let held = events.map(move |event| {
        let _connection = &guard;
        event
    });
    respond(Sse::new(held.map(Ok::<_, Infallible>)).keep_alive(KeepAlive::new().interval(shared.config.sse_keep_alive)))
}

/// Sends one reply that is already there.
pub(super) fn single(reply: Reply) -> Response {
    respond(Sse::new(stream::iter([next(&reply), complete()]).map(Ok::<_, Infallible>)))
}

fn respond<S>(sse: Sse<S>) -> Response
where
    S: Stream<Item = Result<Event, Infallible>> + Send + 'static,
    Sse<S>: IntoResponse,
{
    let mut response = sse.into_response();
    response.headers_mut().insert(NO_BUFFERING, HeaderValue::from_static("no"));
    response
}

fn next(reply: &Reply) -> Event {
    Event::default().event("next").data(reply.to_json())
}

fn complete() -> Event {
    // Browsers drop an event without data.
    Event::default().event("complete").data("null")
}
