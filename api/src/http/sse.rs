//! Server-sent events, one connection per operation: `next` for each reply, `complete` at the end.

use std::convert::Infallible;

use async_graphql::Executor;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::stream::{self, Stream, StreamExt};

use service::Code;

use super::{Shared, refusal};
use crate::operation::Operation;
use crate::runner::{Caller, Reply};
use crate::watch::Watch;

/// Proxies that collect an answer before passing it on leave a stream alone when they see this.
const NO_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// Runs an operation and sends its replies as they come.
///
/// The stream is pulled by the connection: a caller that reads nothing stops its operation, it does not
/// make it queue up. On shutdown the stream ends without `complete`, so that callers come back.
pub(super) fn stream<E: Executor>(
    shared: &Shared<E>,
    operation: Operation,
    caller: Caller,
    watch: Option<Watch>,
) -> Response {
    let limits = &shared.config.ws;
    let place = match caller.viewer.as_ref().map(|viewer| shared.sockets.hold_for(viewer, limits)) {
        Some(None) => {
            let message = "as many streams and WebSockets are open as may be; close one first";
            return refusal(StatusCode::TOO_MANY_REQUESTS, Code::RateLimited, message);
        }
        Some(place) => place,
        None => None,
    };
    let replies = shared.runner.clone().watched(operation, caller, watch);
    let events = replies
        .map(|reply| next(&reply))
        .chain(stream::once(async { complete() }))
        .take_until(shared.shutdown.begun_owned())
        // Whoever comes back is recognised anew.
        .take_until(tokio::time::sleep(limits.life));
    let guard = shared.shutdown.tasks().token();
    let held = events.map(move |event| {
        let _connection = (&guard, &place);
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
